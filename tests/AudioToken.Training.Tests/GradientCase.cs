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

    /// <summary>Compares with and without checkpoints.</summary>
    public void Check()
    {
        Draw draw = new((ulong)Name.Length + Name.Aggregate(7UL, (hash, letter) => (hash * 31) + letter));
        float[][] inputs = [.. Inputs.Select(shape => Values(draw, shape))];
        float[][] weights = [.. Weights.Select(weight => Values(draw, weight.Shape))];
        (Shape shape, _) = Forward(inputs, weights);
        float[] upstream = Values(draw, shape);
        double[][] expected = Differences(inputs, weights, upstream);
        double tolerance = Tolerance.Sum(Terms, Magnitude);
        foreach (bool checkpoints in new[] { false, true })
        {
            float[][] found = Gradients(inputs, weights, upstream, checkpoints);
            for (int i = 0; i < found.Length; i++)
            {
                string what = i < inputs.Length ? $"input {i}" : $"weight {i - inputs.Length}";
                TensorAssert.MaxAbs(Array.ConvertAll(expected[i], value => (float)value), found[i], tolerance, $"{Name}: {what}, checkpoints {checkpoints}");
            }
        }
    }

    private float[][] Gradients(float[][] inputs, float[][] weights, float[] upstream, bool checkpoints)
    {
        using CpuOps ops = new(new CpuOptions { Threads = 2 });
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
    private static float[] Values(Draw draw, Shape shape) => Array.ConvertAll(draw.Normal(shape), value =>
    {
        float rounded = MathF.Round(value * 1024) / 1024;
        return MathF.Abs(rounded) < 1f / 32 ? MathF.CopySign(1f / 32, value) : rounded;
    });
}
