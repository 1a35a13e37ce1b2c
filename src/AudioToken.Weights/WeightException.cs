using System.Text;
using AudioToken.Tensors;

namespace AudioToken.Weights;

/// <summary>A checkpoint does not hold the tensors that a model needs.</summary>
public sealed class WeightException : AudioTokenException
{
    private const int ShownOfEach = 12;

    /// <summary>Makes one report of all faults.</summary>
    public WeightException(string checkpoint, IReadOnlyList<string> missing, IReadOnlyList<string> misshapen, IReadOnlyList<string> unused, string? hint = null)
        : base(4103, Report(checkpoint, missing, misshapen, unused), hint ?? "'audiotoken inspect FILE --tensors' lists what a file holds.")
    {
        Missing = missing;
        Misshapen = misshapen;
        Unused = unused;
    }

    /// <summary>Tensors asked for and not found, with the shape wanted.</summary>
    public IReadOnlyList<string> Missing { get; }

    /// <summary>Tensors of another shape or type, with both.</summary>
    public IReadOnlyList<string> Misshapen { get; }

    /// <summary>Tensors that nobody asked for.</summary>
    public IReadOnlyList<string> Unused { get; }

    private static string Report(string checkpoint, IReadOnlyList<string> missing, IReadOnlyList<string> misshapen, IReadOnlyList<string> unused)
    {
        StringBuilder text = new();
        text.Append(checkpoint).Append(": the tensors do not fit the model: ")
            .Append(missing.Count).Append(" missing, ").Append(misshapen.Count).Append(" of another shape, ").Append(unused.Count).Append(" unused.");
        Append("missing", missing);
        Append("shape", misshapen);
        Append("unused", [.. unused.Select(WeightFileException.Quote)]);
        return text.ToString();

        void Append(string label, IReadOnlyList<string> lines)
        {
            foreach (string line in lines.Take(ShownOfEach))
                text.Append("\n  ").Append(label).Append(": ").Append(line);
            if (lines.Count > ShownOfEach)
                text.Append("\n  ").Append(label).Append(": … and ").Append(lines.Count - ShownOfEach).Append(" more");
        }
    }
}
