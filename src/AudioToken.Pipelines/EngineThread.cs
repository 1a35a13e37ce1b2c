using System.Collections.Concurrent;

namespace AudioToken.Pipelines;

/// <summary>The one thread that drives a pipeline's backend; work queues first in, first out.</summary>
/// <remarks>A backend is not safe for concurrent calls and its work is long, so it gets a thread of its own instead of the pool's.</remarks>
internal sealed class EngineThread : IDisposable
{
    private readonly BlockingCollection<Action> _queue = [];
    private readonly Action _atEnd;
    private readonly Thread _thread;

    /// <summary>Starts the thread.</summary>
    /// <param name="name">For debuggers.</param>
    /// <param name="atEnd">The thread's last act, after <see cref="Dispose"/> and all work: frees what the work uses.</param>
    public EngineThread(string name, Action atEnd)
    {
        _atEnd = atEnd;
        _thread = new Thread(Run) { IsBackground = true, Name = name };
        _thread.Start();
    }

    /// <summary>True on the thread itself, i.e. within the work.</summary>
    public bool IsCurrent => Thread.CurrentThread == _thread;

    /// <summary>Runs a function after all earlier ones. A token cancelled while it waits ends the wait without running it.</summary>
    public Task<T> Enqueue<T>(Func<T> work, CancellationToken cancellation)
    {
        ObjectDisposedException.ThrowIf(_queue.IsAddingCompleted, typeof(AudioToImagePipeline));
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
            throw new ObjectDisposedException(typeof(AudioToImagePipeline).FullName);
        }

        return completion.Task;
    }

    /// <summary>Takes no more work, lets the work at hand and in the queue finish, and waits for the thread's end; called on that
    /// thread itself it does not wait.</summary>
    public void Dispose()
    {
        _queue.CompleteAdding();
        if (!IsCurrent)
            _thread.Join();
    }

    private void Run()
    {
        foreach (Action work in _queue.GetConsumingEnumerable())
            work();
        _atEnd();
    }
}
