namespace AudioToken.Bench.Cases;

/// <summary>One operation at one shape, as it can be written on a command line, run and timed.</summary>
/// <remarks>Two cases are equal if they are the same work; their text is what <see cref="KernelCases.Parse"/> reads.</remarks>
public abstract record KernelCase
{
    /// <summary>Which operation: one of <see cref="KernelCases.Operations"/>.</summary>
    public abstract string Operation { get; }

    /// <summary>The extents in the operation's own form.</summary>
    public abstract string Shape { get; }

    /// <summary>Floating-point operations of the plain formula, a multiply-add counting as two; 0 for what only moves memory.</summary>
    public abstract double Flops { get; }

    /// <summary>Elements that have to be read or written at least once: inputs, weights and result.</summary>
    public abstract long Elements { get; }

    /// <summary>The class of work, as in summaries of a whole step.</summary>
    public OperationClass Class => OperationClasses.Of(Operation);

    /// <summary>Makes inputs and weights.</summary>
    internal abstract CaseWork Prepare(CaseInputs inputs);
}
