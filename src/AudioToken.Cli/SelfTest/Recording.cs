using System.Text.Json;
using AudioToken.Pipelines;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Cli.SelfTest;

/// <summary>A recorded run of the demonstration model: a trace whose metadata holds the request and the model's hash.</summary>
internal sealed class Recording : IDisposable
{
    private const string RequestKey = "request", ModelKey = "model_sha256";

    // Sums are rounded in another order where vectors have another width. Measured on the recording of 512-bit vectors, with NativeAOT builds
    // of 128 and 256 bits: at most 6.4e-6 of a stage's largest value (image); on the emulated CUDA device in fp16 1.0e-2, in bf16 6.2e-2 (noise_pred). A wrong
    // kernel is off by about its whole size.
    private static float RelativeTolerance(DType storage) => storage switch { DType.F16 => 0.05f, DType.BF16 => 0.3f, _ => 1e-4f };

    // Stages in the order of the computation, so that the first one that differs is where it began.
    private static readonly string[] s_order =
    [
        "audio.samples", "audio.fbank", "beats.features", "audio_token", "text.input_ids", "text.uncond_ids",
        "text.hidden_states", "text.uncond_hidden_states", "timesteps", "latents.init",
    ];

    private readonly SafetensorsFile _file;

    private Recording(SafetensorsFile file, GenerationRequest request, string modelHash) => (_file, Request, ModelHash) = (file, request, modelHash);

    /// <summary>What was drawn.</summary>
    public GenerationRequest Request { get; }

    /// <summary>The model it was drawn with.</summary>
    public string ModelHash { get; }

    /// <exception cref="AudioTokenException">It is not there, or is something else (4502).</exception>
    public static Recording Open(string path)
    {
        SafetensorsFile file = SafetensorsFile.Open(path);
        try
        {
            string request = file.Metadata.GetValueOrDefault(RequestKey) ?? throw new JsonException("the metadata has no 'request'");
            float[] samples = (file.Find("audio.samples") ?? throw new JsonException("there is no 'audio.samples'")).ReadAll();
            return new Recording(file, SelfTestRequest.Read(request, samples), file.Metadata.GetValueOrDefault(ModelKey, ""));
        }
        catch (Exception exception)
        {
            file.Dispose();
            if (exception is not JsonException)
                throw;
            throw new AudioTokenException(ErrorCode.NoRecording, $"{file.Description} is no recording of a self-test: {exception.Message}", "install the program again", exception);
        }
    }

    /// <summary>Writes a trace with its request.</summary>
    public static void Save(string path, GenerationTrace trace, GenerationRequest request, string modelHash)
    {
        trace.Save(path);
        SafetensorsWriter writer = new();
        using (SafetensorsFile file = SafetensorsFile.Open(path))
        {
            foreach (StoredTensor tensor in file.Tensors)
                writer.Add(tensor.Name, tensor.Shape!.Value, tensor.DType!.Value, file.ReadBytes(tensor.Name));
        }

        writer.SetMetadata(RequestKey, SelfTestRequest.Write(request));
        writer.SetMetadata(ModelKey, modelHash);
        writer.Save(path);
    }

    /// <summary>Holds a trace against the recording, stage by stage in the order of the computation.</summary>
    /// <param name="trace">Of the recorded request.</param>
    /// <param name="storage">How the device that drew it stores weights and activations.</param>
    public IReadOnlyList<StageDifference> Compare(SafetensorsFile trace, DType storage) => [.. Stages().Select(name => Compare(trace, name, RelativeTolerance(storage)))];

    public void Dispose() => _file.Dispose();

    private IEnumerable<string> Stages()
    {
        string[] names = [.. _file.Names];
        foreach (string name in s_order.Where(names.Contains))
            yield return name;
        for (int step = 0; names.Contains(Numbered("noise_pred", step)); step++)
        {
            yield return Numbered("noise_pred", step);
            if (names.Contains(Numbered("latents", step)))
                yield return Numbered("latents", step);
        }

        if (names.Contains("image"))
            yield return "image";
    }

    private static string Numbered(string name, int step) => FormattableString.Invariant($"{name}.{step}");

    private StageDifference Compare(SafetensorsFile trace, string name, float tolerance)
    {
        WeightSource expected = _file.Find(name)!;
        if (trace.Find(name) is not { } actual || actual.Shape != expected.Shape)
            return new StageDifference(name, float.PositiveInfinity, 0);
        float[] wanted = expected.ReadAll(), found = actual.ReadAll();
        float largest = 0, scale = 0;
        for (int i = 0; i < wanted.Length; i++)
        {
            scale = MathF.Max(scale, MathF.Abs(wanted[i]));
            largest = MathF.Max(largest, MathF.Abs(wanted[i] - found[i])); // keeps NaN
        }

        // Ids and timesteps are whole numbers: they are equal or wrong.
        return new StageDifference(name, largest, expected.DType == DType.I64 ? 0 : tolerance * scale);
    }
}
