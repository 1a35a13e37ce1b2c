using System.Diagnostics;
using AudioToken.Cli.Options;
using AudioToken.Pipelines;
using AudioToken.Weights;

namespace AudioToken.Cli;

/// <summary>A model that is opened and loaded beside other work, on threads of the pool, so that neither that work nor Ctrl-C waits for it.</summary>
internal sealed class ModelLoading : IDisposable
{
    private readonly Task<ModelFiles> _opening;
    private readonly Task<AudioToImagePipeline> _loading;

    /// <summary>Begins.</summary>
    public ModelLoading(Func<ModelFiles> open, ComputeDevice device, LoadOptions options)
    {
        _opening = Task.Run(open);
        _loading = Task.Run(() => LoadAsync(device, options));
    }

    /// <summary>How long the loading took, once it is done.</summary>
    public TimeSpan Time { get; private set; }

    /// <summary>The model's files, which stay this object's.</summary>
    public Task<ModelFiles> OpenedAsync(CancellationToken cancellation) => _opening.WaitAsync(cancellation);

    /// <summary>The model; a cancelled wait leaves it to load, and it is freed then.</summary>
    public Task<AudioToImagePipeline> LoadedAsync(CancellationToken cancellation) => _loading.WaitAsync(cancellation);

    /// <summary>Frees the model and its files, now or once they are there, without waiting for it.</summary>
    public void Dispose() => _loading.ContinueWith(
        loading =>
        {
            if (loading.IsCompletedSuccessfully)
                loading.Result.Dispose();
            if (_opening.IsCompletedSuccessfully)
                _opening.Result.Dispose();
        },
        CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);

    private async Task<AudioToImagePipeline> LoadAsync(ComputeDevice device, LoadOptions options)
    {
        ModelFiles files = await _opening.ConfigureAwait(false);
        Stopwatch clock = Stopwatch.StartNew();
        AudioToImagePipeline pipeline = AudioToImagePipeline.Load(files, device.Open(), options);
        Time = clock.Elapsed;
        return pipeline;
    }
}
