namespace AudioToken.Tensors;

/// <summary>Passes those operations on whole, too, that have a plain meaning in others: for decorators which change none.</summary>
public abstract class TransparentOps : DelegatingOps, ITensorOps
{
    /// <summary>Wraps the operations of a backend.</summary>
    protected TransparentOps(ITensorOps inner)
        : base(inner)
    {
    }

    /// <inheritdoc/>
    public void Project(Tensor x, ReadOnlySpan<Projection> projections, Span<Tensor> results)
    {
        Before(nameof(ITensorOps.Project));
        Inner.Project(x, projections, results);
    }

    /// <inheritdoc/>
    public Tensor Conv2dWithShortcut(Tensor x, Weight weight, in ConvGeometry geometry, in Epilogue epilogue, in Shortcut shortcut)
    {
        Before(nameof(ITensorOps.Conv2dWithShortcut));
        return Inner.Conv2dWithShortcut(x, weight, geometry, epilogue, shortcut);
    }

    /// <inheritdoc/>
    public int ReadPixels(Tensor x, Span<byte> pixels)
    {
        Before(nameof(ITensorOps.ReadPixels));
        return Inner.ReadPixels(x, pixels);
    }

    /// <inheritdoc/>
    public virtual RepeatedStep Repeat(StepFunction step) => Inner.Repeat(step);

    /// <inheritdoc/>
    public void SelectRows(ReadOnlySpan<Tensor> tables, StepIndex step, Span<Tensor> rows)
    {
        Before(nameof(ITensorOps.SelectRows));
        Inner.SelectRows(tables, step, rows);
    }

    /// <inheritdoc/>
    public void Advance(ReadOnlySpan<StepSum> sums, Tensor factors, StepIndex step)
    {
        Before(nameof(ITensorOps.Advance));
        Inner.Advance(sums, factors, step);
    }

    /// <inheritdoc/>
    public void FirstFault(Tensor x, StepIndex step, Tensor fault)
    {
        Before(nameof(ITensorOps.FirstFault));
        Inner.FirstFault(x, step, fault);
    }
}
