using AudioToken.Tensors;
using AudioToken.Training.Tape;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace AudioToken.Training.Optimisation;

/// <summary>Gradients of parameters on the host, summed over the micro-batches of an update.</summary>
public sealed class GradientSums
{
    private readonly IReadOnlyList<Parameter> _parameters;
    private readonly float[][] _sums;
    private readonly bool[] _holds; // whether a sum has begun; what lies in it before is of an earlier update
    private float[] _part = [];

    /// <summary>Begins with zeros.</summary>
    public GradientSums(IReadOnlyList<Parameter> parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        _parameters = parameters;
        _sums = [.. parameters.Select(parameter => new float[parameter.Values.Length])];
        _holds = new bool[_sums.Length];
        Array.Fill(_holds, true);
    }

    /// <summary>The sums, one array a parameter.</summary>
    public IReadOnlyList<float[]> Values
    {
        get
        {
            for (int i = 0; i < _sums.Length; i++)
            {
                if (!_holds[i])
                    Array.Clear(_sums[i]);
                _holds[i] = true;
            }

            return _sums;
        }
    }

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
            if (_holds[i] && _part.Length < _sums[i].Length)
                _part = new float[_sums[i].Length];
            Span<float> part = _holds[i] ? _part.AsSpan(0, _sums[i].Length) : _sums[i];
            tape.Download(gradient, part);
            if (tape.LossScale != 1)
                TensorPrimitives.Multiply(part, (float)(1 / tape.LossScale), part);
            if (_holds[i])
                TensorPrimitives.Add(_sums[i], part, _sums[i]);
            _holds[i] = true;
        }
    }

    /// <summary>Back to zeros.</summary>
    public void Clear() => Array.Clear(_holds);

    /// <summary>Length of all gradients as one vector; NaN or infinity if any is.</summary>
    public double Norm()
    {
        // Blocks, so that a long sum keeps its digits.
        IReadOnlyList<float[]> sums = Values;
        double[] squares = new double[sums.Count];
        Parallel.For(0, squares.Length, i =>
        {
            for (int start = 0; start < sums[i].Length; start += 4096)
                squares[i] += TensorPrimitives.SumOfSquares<float>(sums[i].AsSpan(start, Math.Min(4096, sums[i].Length - start)));
        });
        return Math.Sqrt(squares.Sum());
    }
}
