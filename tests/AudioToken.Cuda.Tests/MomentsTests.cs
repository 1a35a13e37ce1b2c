using AudioToken.Backends.Cuda;
using AudioToken.Tensors;
using AudioToken.Testing;
using AudioToken.Training.Adapters;
using AudioToken.Training.Tape;
using Xunit;

namespace AudioToken.Cuda.Tests;

/// <summary>Which GroupNorms take what the products before them told. Whether they are right is the matter of NormAfterProductTests.</summary>
public sealed class MomentsTests
{
    private const int Channels = 32;

    private static readonly Dictionary<string, (bool Taken, Func<Sources, (Tensor X, Tensor Skip)> Make)> s_cases = new()
    {
        ["a told map"] = (true, s => (s.Map(1, 8), default)),
        ["told maps of three samples"] = (true, s => (s.Map(3, 8), default)),
        ["a map nobody asked about"] = (false, s => (s.Map(1, 8, follows: false), default)),
        ["tiles of several samples"] = (false, s => (s.Map(3, 4), default)),
        ["a tile that is not whole"] = (false, s => (s.Map(1, 9), default)),
        ["more tiles than a block of the norm has room for"] = (false, s => (s.Map(1, 264), default)),
        ["another shape"] = (true, s => (s.Map(2, 8).Reshape([2, 64, Channels]), default)),
        ["samples side by side"] = (false, s => (s.Map(2, 8).Reshape([1, 128, Channels]), default)),
        ["one sample of two"] = (false, s => (s.Map(2, 8).Slice(0, 1), default)),
        ["repeated samples"] = (true, s => (s.Ops.RepeatBatch(s.Map(1, 8), 2), default)),
        ["two told sources"] = (true, s => (s.Map(2, 8), s.Map(2, 8))),
        ["a skip that is not told"] = (false, s => (s.Map(2, 8), s.Map(2, 8, follows: false))),
        ["a source that is not told"] = (false, s => (s.Map(2, 8, follows: false), s.Map(2, 8))),
        ["the memory of a told map"] = (false, s =>
        {
            Tensor other = s.Map(1, 8, follows: false);
            using (s.Ops.Scope())
                s.Map(1, 8);
            return (s.Ops.RepeatBatch(other, 1), default);
        }),
    };

    public static TheoryData<string, DType> Cases
    {
        get
        {
            TheoryData<string, DType> rows = new();
            foreach (string name in s_cases.Keys)
            {
                rows.Add(name, DType.F16);
                rows.Add(name, DType.F32);
            }

            return rows;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void GroupNorm_TakesThemWhereTheyAreOfItsSource(string name, DType storage) => Setup.Run(setup =>
    {
        setup.Emulator.Set("execute", 0);
        using CudaOps ops = new(new CudaOptions { Storage = storage });
        using Sources sources = new(ops);
        using TensorScope scope = ops.Scope();
        (Tensor x, Tensor skip) = s_cases[name].Make(sources);
        using Weight vector = ops.Weight(new Draw(1), WeightRole.Vector, [skip.IsEmpty ? Channels : 2 * Channels]);
        ops.GroupNorm(x, vector, vector, 8, 1e-5f, skip: skip);
        Assert.Equal(s_cases[name].Taken ? 1 : 0, setup.Emulator.Count("kernel:group_norm_moments_" + (storage == DType.F16 ? "f16" : "f32")));
    });

    [Theory]
    [InlineData("tape")]
    [InlineData("low rank")]
    public void GroupNorm_TakesThemThroughDecorators(string decorator) => Setup.Run(setup =>
    {
        setup.Emulator.Set("execute", 0);
        using CudaOps ops = new(new CudaOptions { Storage = DType.F32 });
        using TensorScope scope = ops.Scope();
        Draw draw = new(3);
        using Weight weight = ops.Weight(draw, WeightRole.Linear, [Channels, 8]), vector = ops.Weight(draw, WeightRole.Vector, [Channels]);
        using Weight down = ops.Weight(draw, WeightRole.Linear, [4, 8]), up = ops.Weight(draw, WeightRole.Linear, [Channels, 4]);
        using ITensorOps decorated = decorator == "tape"
            ? new GradientTape(ops, [weight])
            : new LowRankOps(ops, new Dictionary<string, LowRankPair> { [weight.Name] = new(down, up) });
        Tensor x = decorated.Upload(new float[64 * 8], [1, 64, 8]);
        decorated.GroupNorm(decorated.Linear(x, weight, new() { NormFollows = true }), vector, vector, 8, 1e-5f);
        Assert.Equal(1, setup.Emulator.Count("kernel:group_norm_moments_f32"));
    });

    /// <summary>Maps that a convolution makes.</summary>
    private sealed class Sources(CudaOps ops) : IDisposable
    {
        private readonly Weight _weight = ops.Weight(new Draw(2), WeightRole.Conv2d, [Channels, 8, 1, 1]);

        public CudaOps Ops => ops;

        public Tensor Map(int batch, int side, bool follows = true) =>
            ops.Conv2d(ops.Upload(new float[batch * side * side * 8], [batch, side, side, 8]), _weight, new ConvGeometry(1, 0), new() { NormFollows = follows });

        public void Dispose() => _weight.Dispose();
    }
}
