using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Backends.Tests;

/// <summary>Operands of a matrix product or convolution, and which epilogue goes with them.</summary>
/// <remarks>The bound is the worst case of fp32 summation. A sum of K products, bias and shift in any order is off by at most
/// (K + 8) u S, where u = 2^-24 and S is the same sum over absolute values (the reference computes it). The activations have slopes
/// of at most 1.13 and errors of their own of at most 32 u |x| + 1e-7 (VectorMath); each later step rounds once.</remarks>
internal sealed record Product
{
    private const double U = Tolerance.Roundoff;

    public required Shape Input { get; init; }

    public required Shape Weight { get; init; }

    public required WeightRole Role { get; init; }

    /// <summary>Whether the weight is loaded for maps that are enlarged to twice their sides.</summary>
    public bool Doubling { get; init; }

    /// <summary>The type in which the weight's file holds it.</summary>
    public DType WeightType { get; init; }

    public ConvGeometry Geometry { get; init; } = new(1, 0);

    public int SkipChannels { get; init; }

    public int Padding { get; init; }

    /// <summary>Channels of both sources of a shortcut, which has a bias where the product has one; zeros for none.</summary>
    public (int Channels, int Skip) Shortcut { get; init; }

    /// <summary>Whether another linear layer comes before the weight's, with a residual between them; it has a bias where the product has one.</summary>
    public bool IsChain { get; init; }

    public bool Bias { get; init; }

    /// <summary>Rows of the channel shift: 0 for none, 1, or the batch.</summary>
    public int ShiftRows { get; init; }

    public bool Residual { get; init; }

    public Activation Activation { get; init; }

    public float Scale { get; init; }

    public float ResidualScale { get; init; }

    public static Product Linear(Shape input, int columns) => new()
    {
        Input = input, Weight = [columns, input[^1]], Role = WeightRole.Linear,
    };

    /// <summary>Two linear layers with a residual between them.</summary>
    public static Product Chain(Shape input, int hidden, int columns) => new()
    {
        Input = input, Weight = [columns, hidden], Role = WeightRole.Linear, IsChain = true,
    };

    public static Product Conv(Shape input, int columns, int kernelHeight, int kernelWidth, ConvGeometry geometry, int skipChannels = 0) => new()
    {
        Input = input, Weight = [columns, input[3] + skipChannels, kernelHeight, kernelWidth], Role = WeightRole.Conv2d,
        Geometry = geometry, SkipChannels = skipChannels,
    };

    /// <summary>Of a map enlarged to twice its sides, with a weight that was loaded for this.</summary>
    public static Product Doubled(Shape input, int columns, int skipChannels = 0) =>
        Conv(input, columns, 3, 3, new ConvGeometry(1, 1) with { UpsampleHeight = 2 * input[1], UpsampleWidth = 2 * input[2] }, skipChannels) with { Doubling = true };

    public static Product Grouped(Shape input, int groups, int taps, int padding) => new()
    {
        Input = input, Weight = [input[2], input[2] / groups, taps], Role = WeightRole.GroupedConv1d, Padding = padding,
    };

    /// <summary>Every operand present, each with a weight of its own.</summary>
    public Product WithEverything(Activation activation = Activation.Silu) => this with
    {
        Bias = true, ShiftRows = Input.Rank > 1 ? Input[0] : 1, Residual = true, Activation = activation, Scale = 0.7f, ResidualScale = -1.3f,
    };

    public override string ToString() =>
        $"{(IsChain ? "Chain" : Role)}{(Doubling ? " for doubled maps" : "")} {Input} x {Weight}{(WeightType == DType.F32 ? "" : $" in {WeightType}")}, {Geometry}, skip {SkipChannels}, shortcut {Shortcut}, bias {Bias}, shift {ShiftRows}, {Activation}, residual {Residual}, scales {Scale}, {ResidualScale}";

    /// <summary>The result on a backend.</summary>
    public float[] Run(ITensorOps ops)
    {
        using TensorScope scope = ops.Scope();
        Tensor y = Apply(ops, this, absolute: false);
        float[] values = new float[y.Shape.Count];
        ops.Download(y, values);
        return values;
    }

    /// <summary>The result in float64.</summary>
    public double[] Expected(ReferenceOps reference) => reference.Download(Apply(reference, this, absolute: false));

    /// <summary>Holds a backend to the reference.</summary>
    /// <param name="ops">The backend.</param>
    /// <param name="storage">The type in which it stores results. Of a half type, both get operands that it holds, and a result may be off
    /// by twice the error of storing it.</param>
    public void Check(ITensorOps ops, DType storage = DType.F32)
    {
        using ReferenceOps reference = new();
        bool half = storage != DType.F32;
        ITensorOps given = half ? new RoundedOps(reference, storage) : reference;
        double[] expected = reference.Download(Apply(given, this, absolute: false));
        double[] bound = Bound(expected, reference, given, Doubling || IsChain ? RoundedOps.Roundoff(storage) : 0);
        double stored = 2 * RoundedOps.Roundoff(storage);
        float[] actual = Run(half ? new RoundedOps(ops, storage) : ops);
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < actual.Length; i++)
        {
            if (!(Math.Abs(actual[i] - expected[i]) <= bound[i] + (stored * Math.Abs(expected[i]))))
                Assert.Fail($"{this}: [{i}] is {actual[i]:g9}, expected {expected[i]:g9} within {bound[i] + (stored * Math.Abs(expected[i])):g3}.");
        }
    }

    /// <summary>Holds a backend to the same bits on any number of threads.</summary>
    /// <param name="open">Opens it with so many.</param>
    /// <returns>The result.</returns>
    public float[] CheckThreads(Func<int, ITensorOps> open)
    {
        using ITensorOps one = open(1);
        float[] expected = Run(one);
        foreach (int threads in (int[])[2, 3, 5])
        {
            using ITensorOps more = open(threads);
            Assert.Equal(expected, Run(more));
        }

        return expected;
    }

    /// <summary>Holds a backend to the same bits on any number of threads, for a sample alone and as the first of two. Their shift is shared.</summary>
    /// <param name="open">Opens it with so many threads.</param>
    public void CheckThreadsAndBatch(Func<int, ITensorOps> open)
    {
        float[] together = (this with { Input = Input.WithFirst(2) }).CheckThreads(open);
        using ITensorOps ops = open(1);
        float[] alone = (this with { Input = Input.WithFirst(1) }).Run(ops); // draws fill sample after sample
        Assert.Equal(alone, together[..alone.Length]);
    }

    // A backend may sum a weight's taps, or multiply the weights of two layers, and round the sums as it stores them: each by at most `summed` of its terms'
    // absolute values. So does one that stores what lies between two layers.
    private double[] Bound(double[] expected, ReferenceOps reference, ITensorOps given, double summed)
    {
        Product plain = this with { Activation = Activation.None, Residual = false, Scale = 0 };
        double[] sums = reference.Download(Apply(given, plain, absolute: true));
        int terms = (int)(Weight.Count / Weight[0]) + Shortcut.Channels + Shortcut.Skip + (IsChain ? Input[^1] + Weight[1] + 8 : 0) + 8;
        bool gated = Activation == Activation.Geglu;
        int columns = gated ? Weight[0] / 2 : Weight[0];
        double scale = Scale == 0 ? 1 : Scale, residualScale = ResidualScale == 0 ? 1 : ResidualScale;
        float[] residual = Residual ? new Draw(5).Normal([expected.Length]) : [];
        double[] bound = new double[expected.Length];
        for (int i = 0; i < bound.Length; i++)
        {
            int at = gated ? i / columns * Weight[0] + i % columns : i;
            double value = sums[at], error = ((terms * U) + summed) * value, function;
            if (gated)
            {
                double gate = sums[at + columns], gateError = terms * U * gate;
                function = (error * gate) + ((value + error) * ((1.13 * gateError) + 1e-7 + (4 * U * gate)));
            }
            else
            {
                function = Activation == Activation.None ? error : (1.13 * error) + (32 * U * value) + 1e-7;
            }

            bound[i] = (Math.Abs(scale) * function) + (4 * U * (Math.Abs(expected[i]) + (Residual ? Math.Abs(residualScale * residual[i]) : 0))) + float.Epsilon;
        }

        return bound;
    }

    private static Tensor Apply(ITensorOps ops, Product p, bool absolute)
    {
        float[] Drawn(ulong seed, Shape shape)
        {
            float[] values = new Draw(seed).Normal(shape);
            return absolute ? Array.ConvertAll(values, Math.Abs) : values;
        }

        int columns = p.Weight[0];
        Tensor x = ops.Upload(Drawn(1, p.Input), p.Input);
        using Weight weight = ops.LoadWeight(HalfWeightSource.Rounded("w", p.Weight, p.WeightType, Drawn(2, p.Weight)), p.Doubling ? WeightRole.DoublingConv2d : p.Role);
        using Weight? bias = p.Bias ? ops.LoadWeight(new ArrayWeightSource("b", [columns], Drawn(3, [columns])), WeightRole.Vector) : null;
        Shape result = p.Input.WithLast(p.Activation == Activation.Geglu ? columns / 2 : columns);
        if (p.Role == WeightRole.Conv2d)
        {
            (int height, int width) = p.Geometry.OutputSize(p.Input[1], p.Input[2], p.Weight[2], p.Weight[3]);
            result = [p.Input[0], height, width, columns];
        }

        Epilogue epilogue = new(bias)
        {
            ChannelShift = p.ShiftRows == 0 ? default : ops.Upload(Drawn(4, [p.ShiftRows, columns]), [p.ShiftRows, columns]),
            Residual = p.Residual ? ops.Upload(Drawn(5, result), result) : default,
            Activation = p.Activation,
            Scale = p.Scale,
            ResidualScale = p.ResidualScale,
        };
        switch (p.Role)
        {
            case WeightRole.Linear when p.IsChain:
                Shape before = [p.Weight[1], p.Input[^1]], hidden = p.Input.WithLast(before[0]);
                using (Weight first = ops.LoadWeight(HalfWeightSource.Rounded("first", before, p.WeightType, Drawn(10, before)), WeightRole.Linear))
                using (Weight? firstBias = p.Bias ? ops.LoadWeight(new ArrayWeightSource("first bias", [before[0]], Drawn(11, [before[0]])), WeightRole.Vector) : null)
                {
                    LinearChain chain = new(new(first, firstBias), new(weight, bias));
                    ops.Prepare(chain);
                    return ops.LinearChain(x, chain, ops.Upload(Drawn(12, hidden), hidden), epilogue with { Bias = null });
                }

            case WeightRole.Linear:
                return ops.Linear(x, weight, epilogue);
            case WeightRole.GroupedConv1d:
                return ops.GroupedConv1d(x, weight, p.Weight[0] / p.Weight[1], p.Padding, epilogue);
            default:
                Tensor Map(ulong seed, int channels)
                {
                    Shape shape = p.Input.WithLast(channels);
                    return channels == 0 ? default : ops.Upload(Drawn(seed, shape), shape);
                }

                if (p.Shortcut.Channels == 0)
                    return ops.Conv2d(x, weight, p.Geometry, epilogue, Map(6, p.SkipChannels));
                Shape around = [columns, p.Shortcut.Channels + p.Shortcut.Skip, 1, 1];
                using (Weight own = ops.LoadWeight(HalfWeightSource.Rounded("shortcut", around, p.WeightType, Drawn(7, around)), WeightRole.Conv2d))
                    return ops.Conv2dWithShortcut(x, weight, p.Geometry, epilogue, new Shortcut(Map(8, p.Shortcut.Channels), own, bias, Map(9, p.Shortcut.Skip)));
        }
    }
}
