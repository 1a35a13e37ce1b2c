using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using AudioToken.Bench;
using AudioToken.Tensors;

namespace AudioToken.Peers;

/// <summary>A whole network with the same weights and the same input on both sides: seconds of one pass, medians.</summary>
/// <param name="Exact">Ours, sums term by term.</param>
/// <param name="Fast">Ours, as it is by default.</param>
/// <param name="Peer">ONNX Runtime's.</param>
/// <param name="FastError">Root mean square of the difference of our two results over that of the exact one.</param>
/// <param name="PeerError">The same of ONNX Runtime's.</param>
internal sealed record WholeNetwork(double Exact, double Fast, double Peer, double FastError, double PeerError)
{
    /// <summary>Takes turns; each timed pass directly follows one that is not.</summary>
    /// <param name="stage">Name of one of our stages.</param>
    /// <param name="exact">Computes with nothing that rounds more than plain sums.</param>
    /// <param name="fast">Computes by default.</param>
    /// <param name="threads">Of ONNX Runtime.</param>
    /// <param name="repetitions">At least 1.</param>
    public static WholeNetwork Measure(string stage, BenchDevice exact, BenchDevice fast, int threads, int repetitions)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("audiotoken-peers-");
        try
        {
            (OnnxModel model, IReadOnlyList<float[]> inputs) = OnnxOps.Export(SizedModel.StableDiffusion14, stage, folder.FullName);
            using OnnxPeer peer = new(model, threads, inputs, folder.FullName);
            return Measure(stage, exact, fast, peer, repetitions);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"the whole network: exact {Exact:f3} s, default {Fast:f3} s (off by {FastError:e1}), ONNX Runtime {Peer:f3} s (off by {PeerError:e1}): {Peer / Exact:f2} and {Peer / Fast:f2} ahead");

    /// <summary>Writes an object.</summary>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject("whole");
        json.WriteNumber("exact", Math.Round(Exact, 4));
        json.WriteNumber("default", Math.Round(Fast, 4));
        json.WriteNumber("onnxruntime", Math.Round(Peer, 4));
        json.WriteNumber("default_rel_rms", FastError);
        json.WriteNumber("onnxruntime_rel_rms", PeerError);
        json.WriteEndObject();
    }

    private static WholeNetwork Measure(string stage, BenchDevice exact, BenchDevice fast, OnnxPeer peer, int repetitions)
    {
        using TensorScope exactScope = exact.Ops.Scope(), fastScope = fast.Ops.Scope();
        using Stages exactStages = new(exact.Ops, BenchModel.Synthetic(SizedModel.StableDiffusion14)), fastStages = new(fast.Ops, BenchModel.Synthetic(SizedModel.StableDiffusion14));
        Stage plain = exactStages.Build(stage), usual = fastStages.Build(stage);
        List<double> exacts = [], fasts = [], peers = [];
        float[] expected = [], found = [];
        for (int i = 0; i < repetitions; i++)
        {
            expected = Own(plain, exact, exacts);
            peer.Run();
            peers.Add(peer.Run());
            found = Own(usual, fast, fasts);
        }

        return new WholeNetwork(Spread.Of(exacts).Median, Spread.Of(fasts).Median, Spread.Of(peers).Median, StageMeasurement.Difference(found, expected), StageMeasurement.Difference(peer.Result(), expected));
    }

    private static float[] Own(Stage stage, BenchDevice device, List<double> seconds)
    {
        using (TensorScope scope = device.Ops.Scope())
            stage.Run(device.Ops);
        using TensorScope timed = device.Ops.Scope();
        long at = Stopwatch.GetTimestamp();
        Tensor result = stage.Run(device.Ops);
        seconds.Add(Stopwatch.GetElapsedTime(at).TotalSeconds);
        float[] values = new float[result.Shape.Count];
        device.Ops.Download(result, values);
        return values;
    }
}
