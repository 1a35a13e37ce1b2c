using AudioToken.Backends.Cpu;
using AudioToken.Tensors;
using AudioToken.Testing;
using CsCheck;
using Xunit;

namespace AudioToken.Backends.Tests;

public sealed class NormTests
{
    private static readonly OpCase[] s_groupCases =
    [
        Group("one position", new(1, 1, 32, 0, 8)),
        Group("one channel a group", new(2, 9, 5, 0, 5)),
        Group("one group", new(2, 11, 7, 0, 1)),
        Group("prime positions, ragged channels", new(3, 101, 30, 0, 3)),
        Group("320 channels of the denoiser", new(2, 256, 320, 0, 32) { Activation = Activation.Silu }),
        Group("128 channels of the decoder", new(1, 1024, 128, 0, 32) { Activation = Activation.Silu }),
        Group("two sources", new(2, 64, 320, 320, 32) { Activation = Activation.Silu }),
        Group("two sources, a group of both", new(2, 31, 40, 24, 4) { Activation = Activation.Silu }),
        Group("two sources, ragged", new(2, 13, 9, 3, 2)),
        Group("320 channels, many positions", new(1, 700, 320, 0, 32) { Mean = 50 }),
        Group("more positions than threads keep", new(1, 5000, 8, 8, 2) { Activation = Activation.Silu }),
        Group("several chunks", new(2, 700, 96, 0, 8)),
        Group("mean 50", new(2, 300, 64, 0, 8) { Mean = 50 }),
        Group("mean 50, two sources", new(2, 300, 40, 24, 8) { Mean = 50, Activation = Activation.Silu }),
        Group("mean -1000", new(1, 300, 64, 0, 8) { Mean = -1000 }),
        Group("mean 1000 in a hundredth of deviation", new(1, 300, 64, 0, 8) { Mean = 10, Deviation = 0.01 }),
    ];

    private static readonly OpCase[] s_layerCases =
    [
        Layer("one column", 3, 1, 0),
        Layer("five columns", 7, 5, 0),
        Layer("17 columns", 1, 17, 0),
        Layer("768 columns", 77, 768, 0),
        Layer("320 columns", 31, 320, 0),
        Layer("1280 columns, many rows", 100, 1280, 0),
        Layer("1279 columns", 3, 1279, 0),
        Layer("mean 50", 20, 320, 50),
        Layer("mean -1000", 20, 512, -1000),
    ];

    public static TheoryData<string> Backends => BackendData.All;

    public static TheoryData<string, string> GroupCases => BackendData.With(s_groupCases);

    public static TheoryData<string, string> LayerCases => BackendData.With(s_layerCases);

    [Theory]
    [MemberData(nameof(GroupCases))]
    public void GroupNorm_MatchesFloat64(string backend, string name) => OpCase.Check(s_groupCases, backend, name);

    [Theory]
    [MemberData(nameof(LayerCases))]
    public void LayerNorm_MatchesFloat64(string backend, string name) => OpCase.Check(s_layerCases, backend, name);

    [Fact]
    public void GroupNorm_HoldsForRandomShapes()
    {
        using CpuOps cpu = new(new CpuOptions { Threads = 2 });
        Gen.Select(Gen.Int[1, 3], Gen.Int[8, 400], Gen.Int[1, 12], Gen.Int[1, 12], Gen.Int[0, 60], Gen.Bool, Gen.Double[-20, 20])
            .Select((batch, positions, groups, perGroup, skip, silu, mean) => new Setup(
                batch, positions, Math.Max(1, (groups * perGroup) - skip), groups * perGroup - Math.Max(1, (groups * perGroup) - skip), groups)
            {
                Mean = mean,
                Activation = silu ? Activation.Silu : Activation.None,
            })
            .Sample(setup => Group(setup.ToString(), setup).Check(cpu), iter: 80, threads: 1);
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void GroupNorm_OfAConstantIsTheOffset(string backend)
    {
        using ITensorOps ops = BackendData.Open(backend);
        using TensorScope scope = ops.Scope();
        Draw draw = new(8);
        float[] offsets = draw.Normal([16]), sevens = new float[16 * 200];
        Array.Fill(sevens, 7.7f);
        using Weight gamma = ops.Weight(draw, WeightRole.Vector, [16]), beta = ops.LoadWeight(new ArrayWeightSource("beta", [16], offsets), WeightRole.Vector);
        float[] y = ops.Values(ops.GroupNorm(ops.Upload(sevens, [1, 200, 16]), gamma, beta, 4, 1e-6f));

        // The mean may be off by half a unit in the last place of 7.7; 1e-6 makes that a thousandfold, gamma up to 4.
        for (int i = 0; i < y.Length; i++)
            Assert.Equal(offsets[i % 16], y[i], 8 * Tolerance.Roundoff * 1e3 * 4);
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void GroupNorm_GivesTheSameBitsAloneAndInABatch(string backend)
    {
        using ITensorOps ops = BackendData.Open(backend);
        using TensorScope scope = ops.Scope();
        Draw draw = new(9);
        Tensor x = ops.Normal(draw, [3, 37, 29, 24], 2), skip = ops.Normal(draw, [3, 37, 29, 8]);
        using Weight gamma = ops.Weight(draw, WeightRole.Vector, [32], 1, 0.1), beta = ops.Weight(draw, WeightRole.Vector, [32]);
        float[] together = ops.Values(ops.GroupNorm(x, gamma, beta, 4, 1e-5f, Activation.Silu, skip));
        int length = together.Length / 3;
        for (int b = 0; b < 3; b++)
            Assert.Equal(together[(b * length)..((b + 1) * length)], ops.Values(ops.GroupNorm(x.Slice(b, 1), gamma, beta, 4, 1e-5f, Activation.Silu, skip.Slice(b, 1))));
    }

    [Fact]
    public void Norms_GiveTheSameBitsForAnyNumberOfThreads()
    {
        OpCase[] cases = [Group("threads", new(2, 3000, 40, 24, 8)), Layer("threads", 500, 320, 1)];
        using CpuOps single = new(new CpuOptions { Threads = 1 });
        using CpuOps two = new(new CpuOptions { Threads = 2 });
        using CpuOps three = new(new CpuOptions { Threads = 3 });
        foreach (OpCase one in cases)
        {
            float[] expected = one.Compute(single).Values;
            Assert.Equal(expected, one.Compute(two).Values);
            Assert.Equal(expected, one.Compute(three).Values);
        }
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void GroupNorm_NamesBothSidesOfAMismatch(string backend)
    {
        using ITensorOps ops = BackendData.Open(backend);
        using TensorScope scope = ops.Scope();
        Draw draw = new(1);
        Tensor x = ops.Normal(draw, [1, 4, 6]), skip = ops.Normal(draw, [1, 5, 6]);
        using Weight six = ops.Weight(draw, WeightRole.Vector, [6]), table = ops.Weight(draw, WeightRole.Table, [1, 6]);
        void Refuses(string message, Func<Tensor> act) => Assert.Equal(message, Assert.Throws<ShapeException>(() => act()).Message);
        Refuses("GroupNorm: 4 groups do not divide 6 channels.", () => ops.GroupNorm(x, six, six, 4, 1e-5f));
        Refuses("GroupNorm: x is [1, 4, 6], skip [1, 5, 6]; all but the last extent agree.", () => ops.GroupNorm(x, six, six, 2, 1e-5f, skip: skip));
        Refuses("GroupNorm: Vector is a Vector [6]; it wants a Vector [12].", () => ops.GroupNorm(x, six, six, 2, 1e-5f, skip: x));
        Refuses("GroupNorm: activation Gelu; None or Silu.", () => ops.GroupNorm(x, six, six, 2, 1e-5f, Activation.Gelu));
        Refuses("LayerNorm: Table is a Table [1, 6]; it wants a Vector [6].", () => ops.LayerNorm(x, table, six, 1e-5f));
    }

    private static OpCase Group(string name, Setup s)
    {
        // Deviations are exact but for the mean's last place: mean / deviation roundings of a normal value. Then the deviation's, the
        // factor's and the sum's rounding, and those of SiLU (7), of values up to 6. A group of few elements may by chance be much
        // narrower than its distribution, by 30 if it has fewer than 8.
        int elements = (s.Channels + s.Skip) / s.Groups * s.Positions;
        double narrow = elements < 8 ? 30 : elements < 32 ? 3 : 1;
        double tolerance = narrow * (Tolerance.Chain(10, 6) + Tolerance.Chain(2, Math.Abs(s.Mean) / s.Deviation));
        return new(name, tolerance, (ops, draw) =>
        {
            Tensor x = ops.Normal(draw, [s.Batch, s.Positions, s.Channels], s.Mean, s.Deviation);
            Tensor skip = s.Skip == 0 ? default : ops.Normal(draw, [s.Batch, s.Positions, s.Skip], s.Mean, s.Deviation);
            using Weight gamma = ops.Weight(draw, WeightRole.Vector, [s.Channels + s.Skip], 1, 0.15);
            using Weight beta = ops.Weight(draw, WeightRole.Vector, [s.Channels + s.Skip]);
            return ops.GroupNorm(x, gamma, beta, s.Groups, 1e-5f, s.Activation, skip);
        });
    }

    // As above, with a row for a group.
    private static OpCase Layer(string name, int rows, int columns, double mean) =>
        new(name, (columns < 8 ? 30 : 1) * (Tolerance.Chain(10, 6) + Tolerance.Chain(2, Math.Abs(mean))), (ops, draw) =>
        {
            Tensor x = ops.Normal(draw, [rows, columns], mean);
            using Weight gamma = ops.Weight(draw, WeightRole.Vector, [columns], 1, 0.15), beta = ops.Weight(draw, WeightRole.Vector, [columns]);
            return ops.LayerNorm(x, gamma, beta, 1e-5f);
        });

    private sealed record Setup(int Batch, int Positions, int Channels, int Skip, int Groups)
    {
        public double Mean { get; init; }

        public double Deviation { get; init; } = 1;

        public Activation Activation { get; init; }
    }
}
