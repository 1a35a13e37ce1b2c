using AudioToken.Tensors;
using AudioToken.Training.Tape;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace AudioToken.Training.Optimisation;

/// <summary>Gradients of parameters on the host, summed over the micro-batches of an update.</summary>
public sealed class GradientSums
{
    private readonly IReadOnlyList<Parameter> _parameters;
    private readonly float[][] _sums;
    private float[] _part = [];

    /// <summary>Begins with zeros.</summary>
    public GradientSums(IReadOnlyList<Parameter> parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        _parameters = parameters;
        _sums = [.. parameters.Select(parameter => new float[parameter.Values.Length])];
    }

    /// <summary>The sums, one array a parameter.</summary>
    public IReadOnlyList<float[]> Values => _sums;

    /// <summary>Factor of the loss that a tape is to play back with; sums are without it.</summary>
    public double LossScale { get; set; } = 1;

    /// <summary>Adds what a tape has played back, without the tape's factor.</summary>
    public void Add(GradientTape tape)
    {
        ArgumentNullException.ThrowIfNull(tape);
        for (int i = 0; i < _sums.Length; i++)
        {
            Tensor gradient = tape.Gradient(_parameters[i].Weight);
            if (gradient.IsEmpty)
                continue;
            if (_part.Length < _sums[i].Length)
                _part = new float[_sums[i].Length];
            Span<float> part = _part.AsSpan(0, _sums[i].Length);
            tape.Download(gradient, part);
            if (tape.LossScale != 1)
                TensorPrimitives.Multiply(part, (float)(1 / tape.LossScale), part);
            TensorPrimitives.Add(_sums[i], part, _sums[i]);
        }
    }

    /// <summary>Back to zeros.</summary>
    public void Clear()
    {
        foreach (float[] sum in _sums)
            Array.Clear(sum);
    }

    /// <summary>Length of all gradients as one vector; NaN or infinity if any is.</summary>
    public double Norm()
    {
        double squares = 0;
        foreach (float[] sum in _sums)
        {
            // Blocks, so that a long sum keeps its digits.
            for (int start = 0; start < sum.Length; start += 4096)
                squares += TensorPrimitives.SumOfSquares<float>(sum.AsSpan(start, Math.Min(4096, sum.Length - start)));
        }

        return Math.Sqrt(squares);
    }

    /// <summary>Shortens the gradients to a length, if they are longer. Pascanu et al. 2013.</summary>
    public void Clip(double norm, double limit)
    {
        if (norm <= limit)
            return;
        foreach (float[] sum in _sums)
            TensorPrimitives.Multiply(sum, (float)(limit / norm), sum);
    }
}
