using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Cuda.Tests;

/// <summary>A model of which one weight is so large that its products are no numbers of half precision, or of fp32 either.</summary>
internal sealed class LoudModel(ModelFiles inner, ModelComponent loud, string tensor, float loudness = LoudModel.BeyondHalf) : ModelFiles(inner.Name, new ModelFilesOptions())
{
    /// <summary>A number of half precision whose products with a layer's values are none.</summary>
    public const float BeyondHalf = 60_000;

    /// <summary>The same of fp32.</summary>
    public const float BeyondSingle = 3e38f;

    public override string SchedulerConfigJson => inner.SchedulerConfigJson;

    public override byte[]? FindTokenizerFile(string name) => inner.FindTokenizerFile(name);

    protected override bool HasOwn(ModelComponent component) => inner.Has(component);

    protected override TensorCollection OpenOwn(ModelComponent component) => component == loud ? new LoudTensors(inner.Open(component), tensor, loudness) : inner.Open(component);

    protected override string OwnConfigJson(ModelComponent component) => inner.ConfigJson(component);

    protected override IEnumerable<(string Path, string Name)> SourcePaths() => [];

    private sealed class LoudTensors(TensorCollection inner, string tensor, float loudness) : TensorCollection
    {
        public override string Description => inner.Description;

        public override IEnumerable<string> Names => inner.Names;

        public override WeightSource? Find(string name) => inner.Find(name) is { } source ? name == tensor ? new Loud(source, loudness) : source : null;
    }

    private sealed class Loud(WeightSource inner, float loudness) : WeightSource(inner.Name, inner.Shape, inner.DType)
    {
        public override void Read(long start, Span<float> destination)
        {
            inner.Read(start, destination);
            foreach (ref float value in destination)
                value = value < 0 ? -loudness : loudness;
        }
    }
}
