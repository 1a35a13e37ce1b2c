using AudioToken.Cli.Options;
using AudioToken.Pipelines;
using AudioToken.Weights;

namespace AudioToken.Cli;

/// <summary>Loads a model so that Ctrl-C need not wait for it.</summary>
internal static class Loading
{
    /// <summary>Loads on a thread of the pool; a cancelled wait leaves it to end, and frees what it gives.</summary>
    public static async Task<AudioToImagePipeline> LoadAsync(ModelFiles files, ComputeDevice device, LoadOptions options, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        Task<AudioToImagePipeline> loading = Task.Run(() => AudioToImagePipeline.Load(files, device.Open(), options), CancellationToken.None);
        try
        {
            return await loading.WaitAsync(cancellation).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            _ = loading.ContinueWith(late => late.Result.Dispose(), CancellationToken.None, TaskContinuationOptions.OnlyOnRanToCompletion, TaskScheduler.Default);
            throw;
        }
    }
}
