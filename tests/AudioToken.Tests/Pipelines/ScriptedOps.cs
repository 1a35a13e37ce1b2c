using AudioToken.Backends.Cpu;
using AudioToken.Tensors;

namespace AudioToken.Tests.Pipelines;

/// <summary>The CPU backend with a script: told of each operation before it runs, and able to spoil its result.</summary>
/// <remarks>Operations go by the name of their weight (<c>conv_out.weight</c>), those without one by their own (<c>AttentionPool</c>).</remarks>
internal sealed class ScriptedOps(CpuOps cpu) : DelegatingOps(cpu), ITensorOps
{
    private string? _weight;

    public CpuOps Cpu { get; } = cpu;

    public ScriptedOps()
        : this(TinyPipeline.NewOps())
    {
    }

    /// <summary>Operations begun so far.</summary>
    public int Operations { get; private set; }

    /// <summary>Called in each operation, before it computes.</summary>
    public Action<string> OnOperation { get; set; } = _ => { };

    /// <summary>Whether an operation's result shall be NaN.</summary>
    public Func<string, bool> Spoils { get; set; } = _ => false;

    public override Tensor Linear(Tensor x, Weight weight, in Epilogue epilogue)
    {
        _weight = weight.Name;
        return Spoil(weight.Name, base.Linear(x, weight, epilogue));
    }

    public void Project(Tensor x, ReadOnlySpan<Projection> projections, Span<Tensor> results)
    {
        Before(nameof(ITensorOps.Project));
        Inner.Project(x, projections, results);
    }

    public Tensor LinearChain(Tensor x, in LinearChain chain, Tensor residual, in Epilogue epilogue)
    {
        _weight = chain.Second.Weight.Name;
        Before(nameof(ITensorOps.LinearChain));
        return Spoil(chain.Second.Weight.Name, Inner.LinearChain(x, chain, residual, epilogue));
    }

    public override Tensor Conv2d(Tensor x, Weight weight, in ConvGeometry geometry, in Epilogue epilogue, Tensor skip = default)
    {
        _weight = weight.Name;
        return Spoil(weight.Name, base.Conv2d(x, weight, geometry, epilogue, skip));
    }

    public Tensor Conv2dWithShortcut(Tensor x, Weight weight, in ConvGeometry geometry, in Epilogue epilogue, in Shortcut shortcut)
    {
        _weight = weight.Name;
        Before(nameof(ITensorOps.Conv2dWithShortcut));
        return Spoil(weight.Name, Inner.Conv2dWithShortcut(x, weight, geometry, epilogue, shortcut));
    }

    public void Advance(ReadOnlySpan<StepSum> sums, Tensor factors, StepIndex step)
    {
        Before(nameof(ITensorOps.Advance));
        Inner.Advance(sums, factors, step);
    }

    public override Tensor AttentionPool(Tensor values, Tensor scores) => Spoil(nameof(AttentionPool), base.AttentionPool(values, scores));

    // The base leaves the inner operations open, since it does not own them; here the pipeline owns both.
    void IDisposable.Dispose() => Cpu.Dispose();

    protected override void Before(string operation)
    {
        Operations++;
        string name = _weight ?? operation;
        _weight = null;
        OnOperation(name);
    }

    private Tensor Spoil(string name, Tensor result) => Spoils(name) ? Cpu.WeightedSum([new WeightedTensor(result, float.NaN)]) : result;
}
