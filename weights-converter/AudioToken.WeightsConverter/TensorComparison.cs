using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.WeightsConverter;

/// <summary>How two tensors of one name and shape differ.</summary>
/// <param name="Name">Their name.</param>
/// <param name="First">Shape and type in the first file.</param>
/// <param name="Second">Shape and type in the second file.</param>
/// <param name="Largest">Largest difference of two values; NaN if either holds one that is no number.</param>
/// <param name="RelativeRms">Root mean square of the differences over that of the first file's values; 0 where both are all zeros.</param>
public sealed record TensorDifference(string Name, string First, string Second, double Largest, double RelativeRms);

/// <summary>What two checkpoints have in common, and what not.</summary>
public sealed class TensorComparison
{
    private const int Piece = 1 << 16;

    private readonly List<string> _onlyFirst = [], _onlySecond = [];
    private readonly List<(string Name, string First, string Second)> _misshapen = [];
    private readonly List<TensorDifference> _different = [];

    private TensorComparison()
    {
    }

    /// <summary>Names that the first file alone has.</summary>
    public IReadOnlyList<string> OnlyFirst => _onlyFirst;

    /// <summary>Names that the second file alone has.</summary>
    public IReadOnlyList<string> OnlySecond => _onlySecond;

    /// <summary>Tensors whose shapes differ.</summary>
    public IReadOnlyList<(string Name, string First, string Second)> Misshapen => _misshapen;

    /// <summary>Tensors whose values or types differ, the largest difference first.</summary>
    public IReadOnlyList<TensorDifference> Different => _different;

    /// <summary>Tensors that are equal in every value and in type.</summary>
    public int Equal { get; private set; }

    /// <summary>True if nothing differs.</summary>
    public bool Same => _onlyFirst.Count + _onlySecond.Count + _misshapen.Count + _different.Count == 0;

    /// <summary>Compares two opened files, value by value, a piece at a time.</summary>
    public static TensorComparison Of(TensorCollection first, TensorCollection second, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(first);
        ArgumentNullException.ThrowIfNull(second);
        TensorComparison comparison = new();
        HashSet<string> names = [.. second.Names];
        foreach (string name in first.Names.Order(StringComparer.Ordinal))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (names.Remove(name))
                comparison.Add(first.Find(name)!, second.Find(name)!);
            else
                comparison._onlyFirst.Add(name);
        }

        comparison._onlySecond.AddRange(names.Order(StringComparer.Ordinal));
        comparison._different.Sort((a, b) => (double.IsNaN(b.Largest) ? double.PositiveInfinity : b.Largest).CompareTo(double.IsNaN(a.Largest) ? double.PositiveInfinity : a.Largest));
        return comparison;
    }

    private void Add(WeightSource first, WeightSource second)
    {
        (string one, string other) = ($"{first.DType} {first.Shape}", $"{second.DType} {second.Shape}");
        if (first.Shape != second.Shape)
        {
            _misshapen.Add((first.Name, one, other));
            return;
        }

        (double largest, double squares, double reference) = (0, 0, 0);
        float[] a = new float[Piece], b = new float[Piece];
        for (long start = 0; start < first.Shape.Count; start += Piece)
        {
            int count = (int)Math.Min(Piece, first.Shape.Count - start);
            first.Read(start, a.AsSpan(0, count));
            second.Read(start, b.AsSpan(0, count));
            for (int i = 0; i < count; i++)
            {
                // Equal bits are no difference, whatever they mean: infinity less infinity is no number.
                double difference = BitConverter.SingleToInt32Bits(a[i]) == BitConverter.SingleToInt32Bits(b[i]) ? 0 : Math.Abs((double)a[i] - b[i]);
                largest = double.IsNaN(difference) || double.IsNaN(largest) ? double.NaN : Math.Max(largest, difference);
                squares += difference * difference;
                reference += (double)a[i] * a[i];
            }
        }

        if (largest == 0 && first.DType == second.DType)
            Equal++;
        else
            _different.Add(new TensorDifference(first.Name, one, other, largest, squares == 0 ? 0 : Math.Sqrt(squares / reference)));
    }
}
