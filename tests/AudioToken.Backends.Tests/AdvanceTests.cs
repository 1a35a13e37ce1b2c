using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Backends.Tests;

/// <summary>The operations that give tensors new values at their place: sums of a step, the first fault, and plain assignment.</summary>
public sealed class AdvanceTests
{
    private const int Steps = 3;

    public static TheoryData<string> Backends => BackendData.All;

    public static TheoryData<string, int> Lengths
    {
        get
        {
            TheoryData<string, int> data = [];
            foreach (string backend in BackendData.All.Select(row => row.Data))
            {
                // Blocks and parts of the CPU's threads: whole ones, several, and a rest.
                foreach (int length in (int[])[1, 7, 33, 2048, 40001])
                    data.Add(backend, length);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Lengths))]
    public void Advance_MatchesFloat64(string backend, int length)
    {
        using ITensorOps ops = BackendData.Open(backend);
        using ReferenceOps reference = new();
        float[][] found = Sums(ops, length), wanted = Sums(reference, length);
        // Of values below 9 each of the three chains has at most 17 roundings; a stored output of up to 5 has the factor 7.5.
        double tolerance = Tolerance.Chain(Steps * 17, 40) + 7.5 * 5 * 2 * RoundedOps.Roundoff(BackendData.StorageOf(backend));
        for (int i = 0; i < wanted.Length; i++)
            TensorAssert.MaxAbs(wanted[i], found[i], tolerance, $"tensor {i} on {backend}");
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void FirstFault_IsOfTheFirstStepThatHasOne(string backend)
    {
        using ITensorOps ops = BackendData.Open(backend);
        using TensorScope scope = ops.Scope();
        Tensor fault = ops.Upload([0f, 0, 0], [3]);
        float[][] values = [[1, 2, 3, 4], [1, 2, float.NegativeInfinity, float.NaN], [float.NaN, 2, 3, 4]];
        float[][] wanted = [[0, 0, 0], [2, 2, float.NegativeInfinity], [2, 2, float.NegativeInfinity]];
        for (int step = 0; step < values.Length; step++)
        {
            ops.FirstFault(ops.Upload(values[step], [2, 2]), new StepIndex(step), fault);
            Assert.Equal(wanted[step], ops.Values(fault));
        }
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Assign_ChangesWhatLooksAtTheMemory(string backend)
    {
        using ITensorOps ops = BackendData.Open(backend);
        using TensorScope scope = ops.Scope();
        Tensor target = ops.Upload([1f, 2, 3, 4], [2, 2]), view = target.Reshape([4]);
        ops.Assign(target.Slice(1, 1), ops.Upload([5f, 6], [1, 2]));
        Assert.Equal([1f, 2, 5, 6], ops.Values(view));
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Operation_NamesBothSidesOfAMismatch(string backend)
    {
        using ITensorOps ops = BackendData.Open(backend);
        using TensorScope scope = ops.Scope();
        Tensor x = ops.Upload([1f, 2f], [1, 2]), y = ops.Upload([1f, 2f, 3f], [3, 1]), ids = ops.Upload([1, 2], [1, 2]);
        Refuses("Advance: 0 sums; 1 to 9.", y);
        Refuses("Advance: a sum has 0 terms; 1 to 8.", y, new StepSum(x, Array.Empty<Tensor>()));
        Refuses("Advance: a target is I32 [1, 2], wanted F32 of one shape, the first is I32 [1, 2].", y, new StepSum(ids, new[] { x }));
        Refuses("Advance: a target is F32 [3, 1], wanted F32 of one shape, the first is F32 [1, 2].", y, new StepSum(x, new[] { x }), new StepSum(y, new[] { y }));
        Refuses("Advance: a term is [3, 1], its target [1, 2].", y, new StepSum(x, new[] { x, y }));
        Refuses("Advance: factors are F32 [3, 1], wanted F32 [S, 2]: one for each term and a limit for each sum.", y, new StepSum(x, new[] { x }));
        Assert.Equal("FirstFault: the fault is F32 [1, 2], wanted F32 [3].", Assert.Throws<ShapeException>(() => ops.FirstFault(y, new StepIndex(0), x)).Message);
        Assert.Equal("Assign: the value is F32 [3, 1], the target F32 [1, 2].", Assert.Throws<ShapeException>(() => ops.Assign(x, y)).Message);

        void Refuses(string message, Tensor factors, params StepSum[] sums) =>
            Assert.Equal(message, Assert.Throws<ShapeException>(() => ops.Advance(sums, factors, new StepIndex(0))).Message);
    }

    // Guidance of two outputs of the backend's type, a limited sum, one of eight terms that is one of them, one that stays at the first step, and a copy.
    private static float[][] Sums(ITensorOps ops, int length)
    {
        Draw draw = new(5);
        using TensorScope scope = ops.Scope();
        using Weight gamma = ops.Weight(draw, WeightRole.Vector, [length], 1, 0.1), beta = ops.Weight(draw, WeightRole.Vector, [length]);
        Tensor output = ops.LayerNorm(ops.Normal(draw, [1, length]), gamma, beta, 1e-5f), other = ops.LayerNorm(ops.Normal(draw, [1, length]), gamma, beta, 1e-5f);
        Tensor[] state = [.. Enumerable.Range(0, 5).Select(_ => ops.Normal(draw, [1, length]))];
        Tensor unread = ops.Upload([.. Enumerable.Repeat(float.NaN, length)], [1, length]), noise = ops.Normal(draw, [1, length]);
        StepSum[] sums =
        [
            new(state[0], new[] { output, other }),
            new(state[1], new[] { state[2], unread, state[0] }),
            new(state[2], new[] { state[2], noise, state[0], state[1], state[3], unread, state[4], output }),
            new(state[3], new[] { state[3], state[2] }),
            new(state[4], new[] { state[1] }),
        ];
        const float None = float.PositiveInfinity;
        float[] rows =
        [
            -6.5f, 7.5f, None, 1.5f, 0, -0.4f, 0.75f, 0.9f, -0.2f, 0.1f, 0.6f, 0.25f, 0, -0.5f, 0.125f, None, 0, 0, None, 1, None,
            -1.5f, 2.5f, None, 0.5f, 0, 0.3f, None, 0.8f, 0, 0.05f, 0.2f, -0.25f, 0, 0.5f, 0, None, 0.3f, 0.6f, None, 0, None,
            0, 1, None, 1, 0, 0, 0.25f, 1, 0.1f, 0.2f, 0, 0, 0, 0, 0, 3, 0, 1, None, 1, None,
        ];
        Tensor factors = ops.Upload(rows, [Steps, rows.Length / Steps]);
        for (int step = 0; step < Steps; step++)
            ops.Advance(sums, factors, new StepIndex(step));
        return [.. state.Select(ops.Values)];
    }
}
