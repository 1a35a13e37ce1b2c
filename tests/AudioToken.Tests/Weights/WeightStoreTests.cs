using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using AudioToken.Tensors;
using AudioToken.Weights;
using Xunit;

namespace AudioToken.Tests.Weights;

public sealed class WeightStoreTests
{
    [Fact]
    public void Path_ReachesTensorsSegmentBySegment()
    {
        using SourceCollection tensors = Of(("down_blocks.0.conv.weight", [2, 3, 1, 1]), ("bias", [2]));
        using WeightStore store = new(LoadOnlyOps.Create(), tensors);
        WeightPath conv = store.Root / "down_blocks" / 0 / "conv";
        Assert.Equal("down_blocks.0.conv", conv.Name);
        Assert.True(conv.Has("weight"));
        Assert.False(conv.Has("bias"));
        LoadedWeight weight = (LoadedWeight)conv.Load("weight", WeightRole.Linear, [2, 3], [2, 3, 1, 1]);
        Assert.Equal((new Shape(2, 3), "down_blocks.0.conv.weight", WeightRole.Linear), (weight.Shape, weight.Name, weight.Role));
        Assert.Equal([0f, 1, 2, 3, 4, 5], weight.Values);
        Assert.Equal([0f, 1], store.Root.Source("bias", [2]).ReadAll());
        store.Complete();
        store.Dispose();
        Assert.True(weight.Disposed);
    }

    [Fact]
    public void AllFaults_AreInOneReport()
    {
        using SourceCollection tensors = new("unet.safetensors",
        [
            new ArrayWeightSource("a.weight", [2, 4], new float[8]),
            new IntegerSource("ids", [3]),
            new ArrayWeightSource("nobody.weight", [1], new float[1]),
            new ArrayWeightSource("predictor.weight", [1], new float[1]),
            new ArrayWeightSource("predictors", [1], new float[1]),
        ]);
        using WeightStore store = new(LoadOnlyOps.Create(), tensors);
        store.Root.Load("absent", WeightRole.Vector, [7]);
        (store.Root / "a").Load("weight", WeightRole.Linear, [4, 2]);
        store.Root.Load("ids", WeightRole.Vector, [3]);
        store.Root.Ignore("predictor");
        WeightException exception = Assert.Throws<WeightException>(store.Complete);
        Assert.Equal(4103, exception.Code);
        Assert.Equal(
            """
            unet.safetensors: the tensors do not fit the model: 1 missing, 2 of another shape, 2 unused.
              missing: 'absent' [7]
              shape: 'a.weight' is F32 [2, 4], wanted [4, 2]
              shape: 'ids' is I64 [3], wanted F32, F16 or BF16 [3]
              unused: 'nobody.weight'
              unused: 'predictors'
            """,
            exception.Message,
            ignoreLineEndingDifferences: true);
        Assert.Equal("'audiotoken inspect FILE --tensors' lists what a file holds.", exception.Hint);
    }

    [Theory]
    [InlineData(1024, 768, "1024 is the text width of Stable Diffusion 2, 768 that of Stable Diffusion 1: take the file of the same family as the rest of the model.")]
    [InlineData(768, 1024, "768 is the text width of Stable Diffusion 1, 1024 that of Stable Diffusion 2: take the file of the same family as the rest of the model.")]
    public void TensorsOfTheOtherFamily_AreRecognised(int found, int wanted, string hint)
    {
        using SourceCollection tensors = Of(("to_k.weight", [320, found]));
        using WeightStore store = new(LoadOnlyOps.Create(), tensors);
        store.Root.Load("to_k.weight", WeightRole.Linear, [320, wanted]);
        Assert.Equal(hint, Assert.Throws<WeightException>(store.Complete).Hint);
    }

    [Fact]
    public void LongReport_IsCutAndSaysSo()
    {
        using SourceCollection tensors = Of([.. Enumerable.Range(0, 30).Select(i => ($"t{i:d2}", new Shape(1)))]);
        using WeightStore store = new(LoadOnlyOps.Create(), tensors);
        WeightException exception = Assert.Throws<WeightException>(store.Complete);
        Assert.Equal(30, exception.Unused.Count);
        Assert.EndsWith("unused: 't11'\n  unused: … and 18 more", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TypeThatCannotBeRead_IsPartOfTheReport()
    {
        using TemporaryFolder folder = new();
        string path = folder.Write("f8.safetensors", SafetensorsBytes.Of($"{{{SafetensorsBytes.Entry("w", "F8_E4M3", "4", "0", "4")}}}", 4));
        using SafetensorsFile file = SafetensorsFile.Open(path);
        using WeightStore store = new(LoadOnlyOps.Create(), file);
        Assert.True(store.Root.Has("w"));
        store.Root.Load("w", WeightRole.Vector, [4]);
        string message = Assert.Throws<WeightException>(store.Complete).Message;
        Assert.Contains("shape: f8.safetensors: tensor 'w' is F8_E4M3 [4]: elements of this type are not read here. Wanted [4]", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(float.NaN, "NaN")]
    [InlineData(float.NegativeInfinity, "infinity")]
    public void ValuesThatAreNotFinite_EndTheLoading(float value, string name)
    {
        float[] values = new float[10];
        values[4] = values[6] = value;
        using SourceCollection tensors = new("unet.safetensors", [new ArrayWeightSource("w", [10], values)]);
        using WeightStore store = new(LoadOnlyOps.Create(), tensors);
        string expected = $"unet.safetensors: tensor 'w' holds {name} at index 4; 2 of the 10 values read so far are not finite.";
        WeightFileException exception = Assert.Throws<WeightFileException>(() => store.Root.Load("w", WeightRole.Vector, [10]));
        Assert.Equal((4108, expected), (exception.Code, exception.Message));
        exception = Assert.Throws<WeightFileException>(() => store.Root.Source("w", [10]).ReadAll());
        Assert.Equal(expected, exception.Message);
        exception = Assert.Throws<WeightFileException>(() => store.Root.Load(new ArrayWeightSource("folded", [10], values), WeightRole.Vector));
        Assert.Contains("tensor 'folded' holds", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(DType.F16, 0x7C00, "infinity")]
    [InlineData(DType.F16, 0xFE01, "NaN")]
    [InlineData(DType.BF16, 0xFF80, "infinity")]
    [InlineData(DType.BF16, 0x7F81, "NaN")]
    public void HalvesThatAreNotFinite_EndTheLoading_AsStoredToo(DType type, int bits, string name)
    {
        const int count = 70, at = 65;
        using TemporaryFolder folder = new();
        ushort greatest = type == DType.F16 ? (ushort)0x7BFF : (ushort)0x7F7F;
        foreach (bool sound in (bool[])[true, false])
        {
            ushort[] stored = new ushort[count];
            Array.Fill(stored, greatest);
            if (!sound)
                stored[at] = (ushort)bits;
            SafetensorsWriter writer = new();
            writer.Add("w", [count], type, MemoryMarshal.AsBytes<ushort>(stored).ToArray());
            string path = folder.PathOf($"{sound}.safetensors");
            writer.Save(path);
            using SafetensorsFile file = SafetensorsFile.Open(path);
            using WeightStore store = new(LoadOnlyOps.Create(), file);
            WeightSource source = store.Root.Source("w", [7, 10], [count]);
            ushort[] read = new ushort[count - 3];
            if (sound)
            {
                Assert.True(source.TryReadHalves(3, read));
                Assert.Equal(stored[3..], read);
                continue;
            }

            WeightFileException exception = Assert.Throws<WeightFileException>(() => source.TryReadHalves(3, read));
            Assert.Equal((4108, $"False.safetensors: tensor 'w' holds {name} at index {at}; 1 of the 67 values read so far are not finite."), (exception.Code, exception.Message));
        }
    }

    [Fact]
    public void Alternative_OfOtherNumbers_IsAMistakeOfTheCaller()
    {
        using SourceCollection tensors = Of(("w", [4]));
        using WeightStore store = new(LoadOnlyOps.Create(), tensors);
        ShapeException exception = Assert.Throws<ShapeException>(() => store.Root.Load("w", WeightRole.Vector, [4], [5]));
        Assert.Equal("w: [5] and [4] do not hold the same numbers.", exception.Message);
    }

    private static SourceCollection Of(params (string Name, Shape Shape)[] tensors) => new("test", tensors.Select(tensor =>
        new ArrayWeightSource(tensor.Name, tensor.Shape, [.. Enumerable.Range(0, (int)tensor.Shape.Count).Select(i => (float)i)])));

    private sealed class IntegerSource(string name, Shape shape) : WeightSource(name, shape, DType.I64)
    {
        public override void Read(long start, Span<float> destination) => destination.Clear();
    }

    private sealed class LoadedWeight(WeightSource source, WeightRole role) : Weight(source.Name, source.Shape, role)
    {
        public float[] Values { get; } = source.ReadAll();

        public bool Disposed { get; private set; }

        protected override void Dispose(bool disposing) => Disposed = true;
    }

    // A backend that can load weights and nothing else.
    private sealed class LoadOnlyOps : DelegatingOps, ITensorOps
    {
        private LoadOnlyOps(ITensorOps inner)
            : base(inner)
        {
        }

        public static ITensorOps Create() => (LoadOnlyOps)RuntimeHelpers.GetUninitializedObject(typeof(LoadOnlyOps));

        Weight ITensorOps.LoadWeight(WeightSource source, WeightRole role) => new LoadedWeight(source, role);

        protected override void Before(string operation) => throw new NotSupportedException(operation);
    }
}
