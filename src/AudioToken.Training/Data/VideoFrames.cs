using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using AudioToken.Tensors;

namespace AudioToken.Training.Data;

/// <summary>Single frames of videos, taken out by ffmpeg when they are first asked for and kept.</summary>
/// <param name="program">The ffmpeg to call: a path, or a name that is looked for on the search path.</param>
public sealed class VideoFrames(string program = "ffmpeg")
{
    // A frame takes a fraction of a second; what takes a minute hangs.
    private static readonly TimeSpan s_longest = TimeSpan.FromMinutes(1);

    /// <summary>Sees to it that ffmpeg can be called.</summary>
    /// <exception cref="AudioTokenException">3702: it cannot.</exception>
    public void Check() => Call("-version");

    /// <summary>Writes the sample's frame to the place of its picture, if it is not there yet.</summary>
    /// <exception cref="AudioTokenException">3702: ffmpeg cannot be called, or gives no frame.</exception>
    public void Make(TrainingSample sample)
    {
        ArgumentNullException.ThrowIfNull(sample);
        if (sample.Video is not { } video || File.Exists(sample.Image))
            return;
        Directory.CreateDirectory(Path.GetDirectoryName(sample.Image)!);
        string part = Path.ChangeExtension(sample.Image, ".part.png"), second = (sample.Second ?? 0).ToString(CultureInfo.InvariantCulture);
        string said = Call("-nostdin", "-loglevel", "error", "-y", "-ss", second, "-i", video, "-frames:v", "1", part);
        if (!File.Exists(part))
        {
            string why = said.Trim().Split('\n')[^1];
            throw new AudioTokenException(TrainingErrors.Video, $"'{video}' has no frame at second {second}{(why.Length > 0 ? $" (ffmpeg: {why})" : "")}", "leave the video out, or put frames into frames/ID/");
        }

        File.Move(part, sample.Image, overwrite: true);
    }

    // What ffmpeg says on its error stream.
    private string Call(params string[] arguments)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
            process.OutputDataReceived += static (_, _) => { };
            process.BeginOutputReadLine();
            Task<string> said = process.StandardError.ReadToEndAsync();
            if (!process.WaitForExit(s_longest))
            {
                process.Kill(entireProcessTree: true);
                throw new AudioTokenException(TrainingErrors.Video, $"{program} {string.Join(' ', arguments)} did not end within a minute", "see whether the file plays");
            }

            return said.Result;
        }
        catch (Win32Exception exception)
        {
            throw new AudioTokenException(
                TrainingErrors.Video, $"the data has videos and '{program}' cannot be called: {exception.Message}",
                "install ffmpeg (apt-get install ffmpeg), name it with --ffmpeg, or put frames into frames/ID/", exception);
        }
    }
}
