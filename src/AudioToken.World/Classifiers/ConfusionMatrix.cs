using System.Globalization;
using System.Text;

namespace AudioToken.World.Classifiers;

/// <summary>Counts what was taken for what.</summary>
public sealed class ConfusionMatrix(IReadOnlyList<WorldKind> kinds)
{
    private readonly int[,] _counts = new int[kinds.Count, kinds.Count];

    /// <summary>All that was counted.</summary>
    public int Total { get; private set; }

    /// <summary>How many were named rightly.</summary>
    public int Right { get; private set; }

    /// <summary>The part named rightly, 0 to 1.</summary>
    public double Accuracy => Total == 0 ? 0 : (double)Right / Total;

    /// <summary>Counts one.</summary>
    /// <param name="actual">What it is.</param>
    /// <param name="named">What it was taken for.</param>
    public void Add(WorldKind actual, WorldKind named)
    {
        _counts[Index(actual), Index(named)]++;
        Total++;
        Right += actual == named ? 1 : 0;
    }

    /// <summary>How often one was taken for another.</summary>
    public int Count(WorldKind actual, WorldKind named) => _counts[Index(actual), Index(named)];

    /// <summary>A table: a row what it is, a column what it was taken for; dots are zeros.</summary>
    public override string ToString()
    {
        StringBuilder text = new();
        int width = kinds.Max(kind => kind.Name.Length) + 1;
        text.Append(' ', width);
        foreach (WorldKind kind in kinds)
            text.Append(CultureInfo.InvariantCulture, $"{kind.Name[..Math.Min(5, kind.Name.Length)],6}");
        for (int row = 0; row < kinds.Count; row++)
        {
            text.Append('\n').Append(kinds[row].Name.PadRight(width));
            for (int column = 0; column < kinds.Count; column++)
                text.Append(CultureInfo.InvariantCulture, $"{(_counts[row, column] == 0 ? "." : _counts[row, column].ToString(CultureInfo.InvariantCulture)),6}");
        }

        return text.ToString();
    }

    private int Index(WorldKind kind)
    {
        for (int i = 0; i < kinds.Count; i++)
        {
            if (kinds[i] == kind)
                return i;
        }

        throw new ArgumentException($"'{kind}' is not among {string.Join(", ", kinds)}.", nameof(kind));
    }
}
