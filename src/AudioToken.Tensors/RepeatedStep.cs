namespace AudioToken.Tensors;

/// <summary>What is done at each step of a loop.</summary>
/// <param name="x">The step's input; only looked at.</param>
/// <param name="step">Which step it is; rows of tables are chosen with it by <see cref="ITensorOps.SelectRows"/>.</param>
/// <returns>The result; the scope open at the call owns it.</returns>
public delegate Tensor StepFunction(Tensor x, StepIndex step);

/// <summary>A function that is called once a step, with a count from 0; made by <see cref="ITensorOps.Repeat"/>.</summary>
/// <remarks>A backend may record what the function asks of the device at the first step and replay it at the others. So the function depends on
/// its arguments alone, asks for the same operations each time, uploads and downloads nothing, and what it looks at beside them
/// outlives this object.</remarks>
public abstract class RepeatedStep : IDisposable
{
    /// <summary>Takes the next step.</summary>
    /// <param name="x">Of the first step's shape and type.</param>
    /// <returns>The function's result, in memory of its own that the innermost open scope owns.</returns>
    /// <exception cref="ShapeException">Shape or type differ from the first step's, or a table has no row for this step.</exception>
    public abstract Tensor Run(Tensor x);

    /// <summary>Forgets what was recorded. Results stay.</summary>
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

    public override Tensor Run(Tensor x) => function(x, new StepIndex(_steps++));
}
