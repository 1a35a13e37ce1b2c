using System.Diagnostics;
using Microsoft.ML.OnnxRuntime;

namespace AudioToken.Peers;

/// <summary>ONNX Runtime with one operation: all optimisations, weights prepared once, results written to memory of ours.</summary>
internal sealed class OnnxPeer : IDisposable
{
    private readonly SessionOptions _options = new();
    private readonly RunOptions _run = new();
    private readonly InferenceSession _session;
    private readonly OrtValue[] _inputs, _outputs;
    private readonly string[] _inputNames, _outputNames;

    /// <summary>Prepares a model.</summary>
    /// <param name="model">The graph.</param>
    /// <param name="threads">Threads of the runtime.</param>
    /// <param name="inputs">What it is given; random values if null.</param>
    /// <param name="folder">Where files of weights lie, if there are any.</param>
    public OnnxPeer(OnnxModel model, int threads, IReadOnlyList<float[]>? inputs = null, string? folder = null)
    {
        _options.GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL;
        _options.ExecutionMode = ExecutionMode.ORT_SEQUENTIAL;
        _options.IntraOpNumThreads = threads;
        // Its threads spin while it runs, and leave the cores to us when it has done.
        _options.AddSessionConfigEntry("session.force_spinning_stop", "1");
        if (folder is not null)
            _options.AddSessionConfigEntry("session.model_external_initializers_file_folder_path", folder);
        _session = new InferenceSession(model.Model, _options);
        _inputs = [.. model.Inputs.Select((shape, i) => Tensor(inputs?[i] ?? Values.Gaussian(Count(shape), 1), shape))];
        _outputs = [.. model.Outputs.Select(shape => Tensor(new float[Count(shape)], shape))];
        Way = model.Way;
        _inputNames = [.. _session.InputNames];
        _outputNames = [.. _session.OutputNames];
    }

    /// <summary>The version that is loaded.</summary>
    public static string Version => OrtEnv.Instance().GetVersionString();

    /// <summary>How it is asked for the operation.</summary>
    public string Way { get; }

    /// <summary>Prepares the quickest of several ways to ask for the same; null where there is none.</summary>
    public static OnnxPeer? Quickest(IReadOnlyList<OnnxModel> ways, int threads)
    {
        (OnnxPeer? quickest, double seconds) = (null, double.PositiveInfinity);
        foreach (OnnxModel way in ways)
        {
            OnnxPeer peer = new(way, threads);
            peer.Run();
            double its = Math.Min(peer.Run(), peer.Run());
            (its < seconds ? quickest : peer)?.Dispose();
            if (its < seconds)
                (quickest, seconds) = (peer, its);
        }

        return quickest;
    }

    /// <summary>Seconds of one run.</summary>
    public double Run()
    {
        long at = Stopwatch.GetTimestamp();
        _session.Run(_run, _inputNames, _inputs, _outputNames, _outputs);
        return Stopwatch.GetElapsedTime(at).TotalSeconds;
    }

    /// <summary>The first result of the last run.</summary>
    public float[] Result() => _outputs[0].GetTensorDataAsSpan<float>().ToArray();

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (OrtValue value in (OrtValue[])[.. _inputs, .. _outputs])
            value.Dispose();
        _session.Dispose();
        _run.Dispose();
        _options.Dispose();
    }

    private static OrtValue Tensor(float[] values, long[] shape) => OrtValue.CreateTensorValueFromMemory(values, shape);

    private static long Count(long[] shape) => shape.Aggregate(1L, (product, extent) => product * extent);
}
