using AudioToken.Backends.Cpu;
using AudioToken.Tensors;
using AudioToken.Testing;
using CsCheck;
using Xunit;

namespace AudioToken.Backends.Tests;

public sealed class AttentionTests
{
    private static readonly OpCase[] s_cases =
    [
        Case("one query, one key", new(1, 1, 1, 1, 1)),
        Case("a prime everything", new(3, 13, 17, 5, 7)),
        Case("head width 4 of the tiny models", new(2, 16, 16, 2, 4)),
        Case("head width 8 of the tiny models", new(2, 64, 64, 4, 8)),
        Case("head width 40", new(2, 100, 100, 8, 40)),
        Case("head width 64", new(1, 50, 131, 3, 64)),
        Case("head width 80", new(1, 49, 65, 2, 80)),
        Case("head width 160", new(1, 48, 64, 2, 160)),
        Case("head width 512 of the autoencoder", new(1, 97, 97, 1, 512)),
        Case("head width 43, no multiple of anything", new(1, 47, 63, 3, 43)),
        Case("77 keys of a text", new(2, 257, 77, 8, 40)),
        Case("one key for many queries", new(1, 95, 1, 2, 8)),
        Case("many keys for one query", new(1, 1, 1025, 2, 16)),
        Case("causal, 77 tokens", new(2, 77, 77, 12, 64) { Causal = true }),
        Case("causal, one token", new(2, 1, 1, 2, 8) { Causal = true }),
        Case("causal, more keys than queries", new(1, 40, 130, 2, 8) { Causal = true }),
        Case("causal, more queries than keys", new(1, 130, 40, 2, 8) { Causal = true }),
        Case("causal, 200 tokens", new(1, 200, 200, 2, 8) { Causal = true }),
        Case("bias", new(2, 61, 61, 3, 8) { Bias = true }),
        Case("gated bias", new(2, 61, 61, 3, 8) { Bias = true, Gate = true }),
        Case("gated bias of the sound encoder", new(1, 248, 248, 12, 64) { Bias = true, Gate = true }),
        Case("gated bias, causal", new(2, 67, 67, 3, 8) { Bias = true, Gate = true, Causal = true }),
        Case("scores beyond 80", new(1, 100, 200, 4, 16) { Spread = 30 }),
        Case("scores beyond 80, causal", new(1, 100, 100, 4, 16) { Spread = 30, Causal = true }),
        Case("scores near 1000, all alike", new(1, 50, 100, 2, 16) { Spread = 1, Level = 1000 }),
    ];

    public static TheoryData<string> Backends => BackendData.All;

    public static TheoryData<string, string> Cases => BackendData.With(s_cases);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Attention_MatchesFloat64(string backend, string name) => OpCase.Check(s_cases, backend, name);

    [Fact]
    public void Attention_IsRightInBothVectorWidths()
    {
        using CpuOps cpu = new(new CpuOptions { Threads = 1 });
        foreach (bool wide in new[] { false, true })
        {
            foreach (OpCase one in s_cases)
                one.Check(new WidthOps(cpu, wide));
        }
    }

    [Fact]
    public void Attention_HoldsForRandomShapes()
    {
        using CpuOps cpu = new(new CpuOptions { Threads = 2 });
        Gen.Select(Gen.Int[1, 3], Gen.Int[1, 110], Gen.Int[1, 150], Gen.Int[1, 4], Gen.Int[1, 40], Gen.Bool, Gen.Bool)
            .Select((batch, queries, keys, heads, width, causal, bias) => new Setup(batch, queries, keys, heads, width) { Causal = causal, Bias = bias, Gate = bias })
            .Sample(setup => Case(setup.ToString(), setup).Check(cpu), iter: 60, threads: 1);
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Attention_FirstCausalRowIsTheFirstValue(string backend)
    {
        using ITensorOps ops = BackendData.Open(backend);
        using TensorScope scope = ops.Scope();
        Draw draw = new(3);
        float[] values = draw.Normal([1, 70, 12]);
        Tensor y = ops.Attention(ops.Normal(draw, [1, 70, 12]), ops.Normal(draw, [1, 70, 12]), ops.Upload(values, [1, 70, 12]), new() { Heads = 3, Scale = 0.5f, Causal = true });

        // One key: its share is exactly 1, whatever its score, and all others' exactly 0.
        Assert.Equal(values[..12], ops.Values(y)[..12]);
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Attention_SharesOfAConstantValueSumToOne(string backend)
    {
        using ITensorOps ops = BackendData.Open(backend);
        using TensorScope scope = ops.Scope();
        Draw draw = new(4);
        float[] ones = new float[500 * 8];
        Array.Fill(ones, 1f);
        Tensor y = ops.Attention(ops.Normal(draw, [1, 30, 8]), ops.Normal(draw, [1, 500, 8], deviation: 3), ops.Upload(ones, [1, 500, 8]), new() { Heads = 1, Scale = 1 });

        // Numerator and denominator add the same 500 shares in different orders.
        Assert.All(ops.Values(y), value => Assert.Equal(1, value, Tolerance.Chain(2 * 64 + 16, 1)));
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Attention_GivesTheSameBitsAloneAndInABatch(string backend)
    {
        using ITensorOps ops = BackendData.Open(backend);
        using TensorScope scope = ops.Scope();
        Draw draw = new(5);
        (Shape queries, Shape keys) = ([3, 101, 40], [3, 77, 40]);
        (Tensor q, Tensor k, Tensor v) = (ops.Normal(draw, queries), ops.Normal(draw, keys), ops.Normal(draw, keys));
        Tensor bias = ops.Normal(draw, [4, 101, 77]), gate = ops.Normal(draw, [3, 101, 4]);
        AttentionOptions options = new() { Heads = 4, Scale = 0.3f, Bias = bias, BiasGate = gate };
        float[] together = ops.Values(ops.Attention(q, k, v, options));
        for (int b = 0; b < 3; b++)
        {
            Tensor alone = ops.Attention(q.Slice(b, 1), k.Slice(b, 1), v.Slice(b, 1), options with { BiasGate = gate.Slice(b, 1) });
            Assert.Equal(together[(b * 101 * 40)..((b + 1) * 101 * 40)], ops.Values(alone));
        }
    }

    [Fact]
    public void Attention_GivesTheSameBitsForAnyNumberOfThreads()
    {
        OpCase one = Case("threads", new(2, 150, 90, 3, 20) { Bias = true });
        using CpuOps single = new(new CpuOptions { Threads = 1 });
        float[] expected = one.Compute(single).Values;
        foreach (int threads in new[] { 2, 3 })
        {
            using CpuOps several = new(new CpuOptions { Threads = threads });
            Assert.Equal(expected, one.Compute(several).Values);
        }
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Attention_NamesBothSidesOfAMismatch(string backend)
    {
        using ITensorOps ops = BackendData.Open(backend);
        using TensorScope scope = ops.Scope();
        Tensor q = ops.Upload(new float[24], [1, 3, 8]), k = ops.Upload(new float[12], [1, 3, 4]);
        ShapeException wrong = Assert.Throws<ShapeException>(() => ops.Attention(q, k, k, new() { Heads = 2, Scale = 1 }));
        Assert.Equal("Attention: q is [1, 3, 8], k [1, 3, 4], v [1, 3, 4]; they want [B, Lq, D], [B, Lk, D], [B, Lk, D] with at least one key.", wrong.Message);
        wrong = Assert.Throws<ShapeException>(() => ops.Attention(q, q, q, new() { Heads = 3, Scale = 1 }));
        Assert.Equal("Attention: 3 heads do not divide 8 columns.", wrong.Message);
        wrong = Assert.Throws<ShapeException>(() => ops.Attention(q, q, q, new() { Heads = 2, Scale = 1, Bias = q }));
        Assert.Equal("Attention: the bias is [1, 3, 8]; it wants [2, 3, 3].", wrong.Message);
    }

    private static OpCase Case(string name, Setup s)
    {
        // A share's relative error is its score's absolute one. Products q k scale are about Spread / sqrt width each, or Level / sqrt
        // width; the scaled query, the biased score and its difference to the maximum are rounded once more each. Then the exponential,
        // its weight, the quotient and the sums: 4 roundings. All in six deviations; errors of shares average over values of size 1.
        double size = s.Spread + s.Level + (s.Bias ? 2 : 0);
        double score = Tolerance.Sum(s.Width, Math.Max(s.Spread, s.Level) / Math.Sqrt(s.Width)) + Tolerance.Chain(6 * 3, size);
        double tolerance = score + Tolerance.Chain(6 * 4, 1);
        return new(name, tolerance, (ops, draw) =>
        {
            int columns = s.Heads * s.Width;
            Tensor q = ops.Normal(draw, [s.Batch, s.Queries, columns]);
            Tensor k = ops.Normal(draw, [s.Batch, s.Keys, columns], deviation: s.Spread);
            if (s.Level != 0)
            {
                // Every score is Level plus a little: all columns of q are 1, k's mean is Level / sqrt width.
                float[] ones = new float[s.Batch * s.Queries * columns];
                Array.Fill(ones, 1f);
                q = ops.Upload(ones, [s.Batch, s.Queries, columns]);
                k = ops.Normal(draw, [s.Batch, s.Keys, columns], s.Level / Math.Sqrt(s.Width), s.Spread);
            }

            Tensor v = ops.Normal(draw, [s.Batch, s.Keys, columns]);
            return ops.Attention(q, k, v, new()
            {
                Heads = s.Heads,
                Scale = (float)(1 / Math.Sqrt(s.Width)),
                Causal = s.Causal,
                Bias = s.Bias ? ops.Normal(draw, [s.Heads, s.Queries, s.Keys], deviation: 2) : default,
                BiasGate = s.Gate ? ops.Normal(draw, [s.Batch, s.Queries, s.Heads], 1, 0.3) : default,
            });
        });
    }

    private sealed record Setup(int Batch, int Queries, int Keys, int Heads, int Width)
    {
        public bool Causal { get; init; }

        public bool Bias { get; init; }

        public bool Gate { get; init; }

        /// <summary>Deviation of the scores.</summary>
        public double Spread { get; init; } = 1;

        /// <summary>Mean of the scores.</summary>
        public double Level { get; init; }
    }

    /// <summary>The CPU backend with one form of its attention.</summary>
    private sealed class WidthOps(CpuOps cpu, bool wide) : DelegatingOps(cpu)
    {
        public override Tensor Attention(Tensor q, Tensor k, Tensor v, in AttentionOptions options) => cpu.Attention(q, k, v, options, wide);

        protected override void Before(string operation)
        {
        }
    }
}
