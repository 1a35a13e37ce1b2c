using AudioToken.Bench.Cases;
using AudioToken.Tensors;

namespace AudioToken.Bench;

/// <summary>Notes the operations that a model asks for, alike ones together, without computing them.</summary>
public sealed class StepRecorder : TransparentOps
{
    private readonly Dictionary<KernelCase, int> _calls = [];
    private readonly SortedDictionary<string, int> _others = new(StringComparer.Ordinal);
    private readonly HashSet<(TensorStorage Storage, int Generation)> _told = []; // of results to which a norm was said to follow
    private bool _recording;

    /// <summary>Starts, not yet recording.</summary>
    public StepRecorder()
        : base(new ShapeOps())
    {
    }

    /// <summary>What was asked for and how often, in the order of the first call.</summary>
    public IReadOnlyDictionary<KernelCase, int> Calls => _calls;

    /// <summary>Operations that have no case of their own, and how often they were asked for.</summary>
    public IReadOnlyDictionary<string, int> Others => _others;

    /// <summary>Runs a stage on shapes alone and tells what it asked for; what its loop has before its first step is not counted.</summary>
    /// <param name="size">The network's size.</param>
    /// <param name="stage">One of <see cref="Stages.Names"/>, with its batch where it has one.</param>
    public static StepRecorder OfStage(SizedModel size, string stage)
    {
        StepRecorder ops = new();
        using TensorScope scope = ops.Scope();
        using Stages stages = new(ops, BenchModel.Synthetic(size));
        Stage built = stages.Build(stage);
        ops.Start();
        built.Run(ops);
        return ops;
    }

    /// <summary>Records what is asked for from now on.</summary>
    public void Start() => _recording = true;

    /// <inheritdoc/>
    public override Tensor Linear(Tensor x, Weight weight, in Epilogue epilogue)
    {
        Note(LinearCase.Of(x, weight, epilogue), nameof(Linear));
        return Told(Inner.Linear(x, weight, epilogue), epilogue.NormFollows);
    }

    /// <inheritdoc/>
    public override void Project(Tensor x, ReadOnlySpan<Projection> projections, Span<Tensor> results)
    {
        Note(ProjectCase.Of(x, projections), nameof(Project));
        Inner.Project(x, projections, results);
    }

    /// <inheritdoc/>
    public override Tensor LinearChain(Tensor x, in LinearChain chain, Tensor residual, in Epilogue epilogue)
    {
        Note(LinearCase.Of(x, chain, epilogue), nameof(LinearChain));
        return Told(Inner.LinearChain(x, chain, residual, epilogue), epilogue.NormFollows);
    }

    /// <inheritdoc/>
    public override Tensor Conv2d(Tensor x, Weight weight, in ConvGeometry geometry, in Epilogue epilogue, Tensor skip = default)
    {
        Note(Conv2dCase.Of(x, weight, geometry, epilogue, skip), nameof(Conv2d));
        return Told(Inner.Conv2d(x, weight, geometry, epilogue, skip), epilogue.NormFollows);
    }

    /// <inheritdoc/>
    public override Tensor Conv2dWithShortcut(Tensor x, Weight weight, in ConvGeometry geometry, in Epilogue epilogue, in Shortcut shortcut)
    {
        Note(Conv2dCase.Of(x, weight, geometry, epilogue, shortcut), nameof(Conv2dWithShortcut));
        return Told(Inner.Conv2dWithShortcut(x, weight, geometry, epilogue, shortcut), epilogue.NormFollows);
    }

    /// <inheritdoc/>
    public override Tensor GroupedConv1d(Tensor x, Weight weight, int groups, int padding, in Epilogue epilogue)
    {
        Note(GroupedConv1dCase.Of(x, weight, groups, padding, epilogue), nameof(GroupedConv1d));
        return Inner.GroupedConv1d(x, weight, groups, padding, epilogue);
    }

    /// <inheritdoc/>
    public override Tensor GroupNorm(Tensor x, Weight gamma, Weight beta, int groups, float epsilon, Activation activation = Activation.None, Tensor skip = default)
    {
        Note(GroupNormCase.Of(x, groups, activation, skip, IsTold(x) && (skip.IsEmpty || IsTold(skip))), nameof(GroupNorm));
        return Inner.GroupNorm(x, gamma, beta, groups, epsilon, activation, skip);
    }

    /// <inheritdoc/>
    public override Tensor LayerNorm(Tensor x, Weight gamma, Weight beta, float epsilon)
    {
        Note(new LayerNormCase(checked((int)x.Shape.Rows), x.Shape[^1]), nameof(LayerNorm));
        return Inner.LayerNorm(x, gamma, beta, epsilon);
    }

    /// <inheritdoc/>
    public override Tensor Attention(Tensor q, Tensor k, Tensor v, in AttentionOptions options)
    {
        Note(AttentionCase.Of(q, k, options), nameof(Attention));
        return Inner.Attention(q, k, v, options);
    }

    /// <inheritdoc/>
    public override Tensor RepeatBatch(Tensor x, int times) => Told(base.RepeatBatch(x, times), IsTold(x));

    /// <inheritdoc/>
    protected override void Before(string operation) => Note(null, operation);

    private bool IsTold(Tensor x) => _told.Contains((x.Storage, x.Storage.Generation));

    private Tensor Told(Tensor result, bool isTold)
    {
        if (isTold)
            _told.Add((result.Storage, result.Storage.Generation));
        return result;
    }

    private void Note(KernelCase? made, string operation)
    {
        if (!_recording)
            return;
        if (made is null)
            _others[operation] = _others.GetValueOrDefault(operation) + 1;
        else
            _calls[made] = _calls.GetValueOrDefault(made) + 1;
    }
}
