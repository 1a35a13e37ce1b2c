using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Cuda.Tests;

/// <summary>A model of which one weight is so large that its products are no numbers of half precision.</summary>
internal sealed class LoudModel(ModelFiles inner, ModelComponent loud, string tensor) : ModelFiles(inner.Name, new ModelFilesOptions())
{
    private const float Loudness = 60_000;

    public override string SchedulerConfigJson => inner.SchedulerConfigJson;

    public override byte[]? FindTokenizerFile(string name) => inner.FindTokenizerFile(name);

    protected override bool HasOwn(ModelComponent component) => inner.Has(component);

    protected override TensorCollection OpenOwn(ModelComponent component) => component == loud ? new LoudTensors(inner.Open(component), tensor) : inner.Open(component);

    protected override string OwnConfigJson(ModelComponent component) => inner.ConfigJson(component);

    protected override IEnumerable<(string Path, string Name)> SourcePaths() => [];

    private sealed class LoudTensors(TensorCollection inner, string tensor) : TensorCollection
    {
        public override string Description => inner.Description;

        public override IEnumerable<string> Names => inner.Names;

        public override WeightSource? Find(string name) => inner.Find(name) is { } source ? name == tensor ? new Loud(source) : source : null;
    }

    private sealed class Loud(WeightSource inner) : WeightSource(inner.Name, inner.Shape, inner.DType)
    {
        public override void Read(long start, Span<float> destination)
        {
            inner.Read(start, destination);
            foreach (ref float value in destination)
                value = value < 0 ? -Loudness : Loudness;
        }
    }
}
