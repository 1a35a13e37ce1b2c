namespace AudioToken.Tensors;

/// <summary>What is done at each step of a loop, on a state that it changes by <see cref="ITensorOps.Advance"/>.</summary>
/// <remarks>What it makes belongs in a scope of its own.</remarks>
/// <param name="step">Which step it is; it chooses rows of tables (<see cref="ITensorOps.SelectRows"/>).</param>
public delegate void StepFunction(StepIndex step);

/// <summary>A function that is called once a step, with a count from 0; made by <see cref="ITensorOps.Repeat"/>.</summary>
/// <remarks>A backend may call the function before the first step, only to learn what memory it takes; record what it asks of the device at the first
/// step; and replay that at the others. So the function asks for the same operations each time, uploads and downloads nothing, changes
/// nothing but tensors, and what it looks at outlives this object.</remarks>
public abstract class RepeatedStep : IDisposable
{
    /// <summary>Takes the next step.</summary>
    /// <exception cref="ShapeException">A table has no row for this step.</exception>
    public abstract void Run();

    /// <summary>Forgets what was recorded.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <inheritdoc cref="Dispose()"/>
    protected virtual void Dispose(bool disposing)
    {
    }
}

/// <summary>Calls the function at each step.</summary>
internal sealed class CalledStep(StepFunction function) : RepeatedStep
{
    private int _steps;

    public override void Run() => function(new StepIndex(_steps++));
}
