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
    public Tensor LogMel(ReadOnlySpan<float> samples, LogMelForm form)
    {
        Before(nameof(ITensorOps.LogMel));
        Tensor y = Inner.LogMel(samples, form);
        After(nameof(ITensorOps.LogMel), y);
        return y;
    }

    /// <inheritdoc/>
    public virtual void Project(Tensor x, ReadOnlySpan<Projection> projections, Span<Tensor> results)
    {
        Before(nameof(ITensorOps.Project));
        Inner.Project(x, projections, results);
        After(nameof(ITensorOps.Project), default);
    }

    /// <inheritdoc/>
    public void Prepare(in LinearChain chain) => Inner.Prepare(chain);

    /// <inheritdoc/>
    public virtual Tensor LinearChain(Tensor x, in LinearChain chain, Tensor residual, in Epilogue epilogue)
    {
        Before(nameof(ITensorOps.LinearChain));
        Tensor y = Inner.LinearChain(x, chain, residual, epilogue);
        After(nameof(ITensorOps.LinearChain), y);
        return y;
    }

    /// <inheritdoc/>
    public virtual Tensor Conv2dWithShortcut(Tensor x, Weight weight, in ConvGeometry geometry, in Epilogue epilogue, in Shortcut shortcut)
    {
        Before(nameof(ITensorOps.Conv2dWithShortcut));
        Tensor y = Inner.Conv2dWithShortcut(x, weight, geometry, epilogue, shortcut);
        After(nameof(ITensorOps.Conv2dWithShortcut), y);
        return y;
    }

    /// <inheritdoc/>
    public int ReadPixels(Tensor x, Span<byte> pixels)
    {
        Before(nameof(ITensorOps.ReadPixels));
        int fault = Inner.ReadPixels(x, pixels);
        After(nameof(ITensorOps.ReadPixels), default);
        return fault;
    }

    /// <inheritdoc/>
    public virtual RepeatedStep Repeat(StepFunction step) => Inner.Repeat(step);

    /// <inheritdoc/>
    public void SelectRows(ReadOnlySpan<Tensor> tables, StepIndex step, Span<Tensor> rows)
    {
        Before(nameof(ITensorOps.SelectRows));
        Inner.SelectRows(tables, step, rows);
        After(nameof(ITensorOps.SelectRows), default);
    }

    /// <inheritdoc/>
    public void Advance(ReadOnlySpan<StepSum> sums, Tensor factors, StepIndex step)
    {
        Before(nameof(ITensorOps.Advance));
        Inner.Advance(sums, factors, step);
        After(nameof(ITensorOps.Advance), default);
    }

    /// <inheritdoc/>
    public void FirstFault(Tensor x, StepIndex step, Tensor fault)
    {
        Before(nameof(ITensorOps.FirstFault));
        Inner.FirstFault(x, step, fault);
        After(nameof(ITensorOps.FirstFault), default);
    }
}
