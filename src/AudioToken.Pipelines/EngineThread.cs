using System.Collections.Concurrent;

namespace AudioToken.Pipelines;

/// <summary>The one thread that drives a pipeline's backend; work queues first in, first out.</summary>
/// <remarks>A backend is not safe for concurrent calls and its work is long, so it gets a thread of its own instead of the pool's.</remarks>
internal sealed class EngineThread : IDisposable
{
    private readonly BlockingCollection<Action> _queue = [];
    private readonly Thread _thread;
    private int _disposed;

    public EngineThread(string name)
    {
        _thread = new Thread(Run) { IsBackground = true, Name = name };
        _thread.Start();
    }

    /// <summary>Runs a function after all earlier ones. A token cancelled while it waits ends the wait without running it.</summary>
    public Task<T> Enqueue<T>(Func<T> work, CancellationToken cancellation)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, typeof(AudioToImagePipeline));
        TaskCompletionSource<T> completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
        // A cancelled request leaves the queue at once for its caller; the thread later finds it completed and skips it.
        CancellationTokenRegistration registration = cancellation.Register(() => completion.TrySetCanceled(cancellation));
        try
        {
            Action job = () =>
            {
                registration.Dispose();
                if (completion.Task.IsCompleted)
                    return;
                try
                {
                    completion.TrySetResult(work());
                }
                catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
                {
                    completion.TrySetCanceled(cancellation);
                }
#pragma warning disable CA1031 // Whatever the work throws belongs to whoever awaits it.
                catch (Exception exception)
#pragma warning restore CA1031
                {
                    completion.TrySetException(exception);
                }
            };
            _queue.Add(job, CancellationToken.None); // never waits: the queue has no bound
        }
        catch (InvalidOperationException) // completed for adding between the check and here
        {
            registration.Dispose();
            throw new ObjectDisposedException(nameof(AudioToImagePipeline));
        }

        return completion.Task;
    }

    /// <summary>Lets the work at hand and in the queue finish, then ends the thread.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        _queue.CompleteAdding();
        if (Thread.CurrentThread != _thread)
            _thread.Join();
    }

    private void Run()
    {
        foreach (Action work in _queue.GetConsumingEnumerable())
            work();
    }
}
