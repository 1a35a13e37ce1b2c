using System.Globalization;
using System.Text;

namespace AudioToken.Training.Runs;

/// <summary>A line an update, comma-separated, for any plotting program.</summary>
/// <remarks>After a stop the file may hold updates that the checkpoint does not; they are cut off when the run goes on.</remarks>
internal sealed class TrainingLog(string path)
{
    private const string Header = "update,loss,average_loss,learning_rate,gradient_norm";
    private const int LinesHeld = 50;
    private readonly StringBuilder _held = new();
    private int _lines;

    /// <summary>Cuts off what is later than an update.</summary>
    public void KeepUpTo(long updates)
    {
        List<string> lines = [Header];
        if (File.Exists(path))
        {
            lines.AddRange(File.ReadLines(path).Skip(1).Where(line =>
                long.TryParse(line.AsSpan(0, Math.Max(0, line.IndexOf(','))), NumberStyles.None, CultureInfo.InvariantCulture, out long update) && update <= updates));
        }

        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        File.WriteAllLines(path, lines);
    }

    public void Write(RunProgress progress)
    {
        _held.AppendLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{progress.Update},{progress.Loss:g9},{progress.AverageLoss:g9},{progress.LearningRate:g6},{progress.GradientNorm:g6}"));
        if (++_lines >= LinesHeld)
            Flush();
    }

    public void Flush()
    {
        if (_held.Length > 0)
            File.AppendAllText(path, _held.ToString());
        _held.Clear();
        _lines = 0;
    }
}
