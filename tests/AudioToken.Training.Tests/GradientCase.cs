using AudioToken.Backends.Cpu;
using AudioToken.Tensors;
using AudioToken.Testing;
using AudioToken.Training.Tape;

namespace AudioToken.Training.Tests;

/// <summary>One computation whose gradient by every input and weight is held to differences of the float64 reference.</summary>
/// <param name="Name">Says what is special about it.</param>
/// <param name="Inputs">Shapes of the inputs.</param>
/// <param name="Weights">Roles and shapes of the weights.</param>
/// <param name="Terms">Products in the longest sum of the gradient.</param>
/// <param name="Run">The computation.</param>
public sealed record GradientCase(
    string Name, Shape[] Inputs, (WeightRole Role, Shape Shape)[] Weights, int Terms, Func<ITensorOps, Tensor[], Weight[], Tensor> Run)
{
    // Values are multiples of 1/1024 and the step is 1/256: every displaced value is exact, in floats too. The stencil of four points leaves an
    // error of h^4 / 30 times the fifth derivative, 8e-12.
    private const double Step = 1.0 / 256;

    /// <summary>Largest magnitude of the products that a gradient sums.</summary>
    public double Magnitude { get; init; } = 4;

    /// <summary>Compares with and without checkpoints. In a half type the operands are such as it holds, and a gradient may be off by twice what
    /// those of the plain form in that type are, relative to the largest.</summary>
    /// <param name="backend">As <see cref="BackendData"/> names it.</param>
    public void Check(string backend)
    {
        DType storage = BackendData.StorageOf(backend);
        using ITensorOps ops = BackendData.Open(backend);
        using CpuOps cpu = new(new CpuOptions { Threads = 2 });
        Draw draw = new((ulong)Name.Length + Name.Aggregate(7UL, (hash, letter) => (hash * 31) + letter));
        float[][] inputs = [.. Inputs.Select(shape => Values(draw, shape, storage))];
        float[][] weights = [.. Weights.Select(weight => Values(draw, weight.Shape, storage))];
        (Shape shape, _) = Forward(inputs, weights);
        float[] upstream = Values(draw, shape, storage);
        float[][] expected = [.. Differences(inputs, weights, upstream).Select(one => Array.ConvertAll(one, value => (float)value))];
        foreach (bool checkpoints in new[] { false, true })
        {
            float[][] plain = storage == DType.F32 ? expected : Gradients(new StoredOps(cpu, storage), inputs, weights, upstream, checkpoints);
            float[][] found = Gradients((IGradientOps)ops, inputs, weights, upstream, checkpoints);
            double exact = Tolerance.Sum(Terms, Magnitude), stored = RoundedOps.Roundoff(storage);
            for (int i = 0; i < plain.Length; i++)
            {
                if (expected[i].Max(Math.Abs) > exact) // no share of nothing
                    stored = Math.Max(stored, Farthest(expected[i], plain[i]) / expected[i].Max(Math.Abs));
            }

            for (int i = 0; i < found.Length; i++)
            {
                string what = i < inputs.Length ? $"input {i}" : $"weight {i - inputs.Length}";
                double tolerance = exact + (2 * stored * expected[i].Max(Math.Abs));
                TensorAssert.MaxAbs(expected[i], found[i], tolerance, $"{Name} on {backend}: {what}, checkpoints {checkpoints}");
            }
        }
    }

    private static double Farthest(float[] expected, float[] found) => expected.Zip(found, (one, other) => Math.Abs((double)one - other)).Max();

    private float[][] Gradients(IGradientOps ops, float[][] inputs, float[][] weights, float[] upstream, bool checkpoints)
    {
        using TensorScope scope = ops.Scope();
        Weight[] loaded = Load(ops, weights);
        using GradientTape tape = new(ops, loaded, checkpoints);
        Tensor[] uploaded = [.. inputs.Select((values, i) => tape.Upload(values, Inputs[i]))];
        foreach (Tensor tensor in uploaded)
            tape.Watch(tensor);
        Tensor y = Run(tape, uploaded, loaded);
        tape.Backward(y, ops.Upload(upstream, y.Shape));
        float[][] gradients = [.. uploaded.Select(tensor => ops.Values(tape.Gradient(tensor))), .. loaded.Select(weight => ops.Values(tape.Gradient(weight)))];
        foreach (Weight weight in loaded)
            weight.Dispose();
        return gradients;
    }

    private double[][] Differences(float[][] inputs, float[][] weights, float[] upstream)
    {
        double At(float[] values, int index, float shift)
        {
            float kept = values[index];
            values[index] = kept + shift;
            (_, double[] y) = Forward(inputs, weights);
            values[index] = kept;
            double sum = 0;
            for (int i = 0; i < y.Length; i++)
                sum += y[i] * upstream[i];
            return sum;
        }

        return [.. inputs.Concat(weights).Select(values =>
        {
            double[] slopes = new double[values.Length];
            for (int i = 0; i < slopes.Length; i++)
            {
                double near = At(values, i, (float)Step) - At(values, i, -(float)Step), far = At(values, i, 2 * (float)Step) - At(values, i, -2 * (float)Step);
                slopes[i] = ((8 * near) - far) / (12 * Step);
            }

            return slopes;
        })];
    }

    private (Shape Shape, double[] Values) Forward(float[][] inputs, float[][] weights)
    {
        using ReferenceOps reference = new();
        using TensorScope scope = reference.Scope();
        Tensor y = Run(reference, [.. inputs.Select((values, i) => reference.Upload(values, Inputs[i]))], Load(reference, weights));
        return (y.Shape, reference.Download(y));
    }

    private Weight[] Load(ITensorOps ops, float[][] weights) =>
        [.. weights.Select((values, i) => ops.LoadWeight(new ArrayWeightSource($"weight {i}", Weights[i].Shape, [.. values]), Weights[i].Role))];

    // No value within 1/32 of zero, where ReLU has its corner.
    private static float[] Values(Draw draw, Shape shape, DType storage)
    {
        float[] values = Array.ConvertAll(draw.Normal(shape), value =>
        {
            float rounded = MathF.Round(value * 1024) / 1024;
            return MathF.Abs(rounded) < 1f / 32 ? MathF.CopySign(1f / 32, value) : rounded;
        });
        RoundedOps.Round(values, storage);
        return values;
    }
}
