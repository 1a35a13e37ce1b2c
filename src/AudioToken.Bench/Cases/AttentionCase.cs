using System.Globalization;
using AudioToken.Tensors;

namespace AudioToken.Bench.Cases;

/// <summary>Attention without a bias: <c>BxLqxD,Lk,HEADS[,causal]</c>.</summary>
/// <param name="Batch">Samples.</param>
/// <param name="Queries">Lq.</param>
/// <param name="Columns">D, all heads together.</param>
/// <param name="Keys">Lk.</param>
/// <param name="Heads">A divisor of D.</param>
/// <param name="Causal">Row i sees keys up to i alone.</param>
public sealed record AttentionCase(int Batch, int Queries, int Columns, int Keys, int Heads, bool Causal) : KernelCase
{
    internal const string Name = "attention";
    internal const string Form = "BxLqxD,Lk,HEADS[,causal]";
    internal const string Example = "2x4096x320,4096,8";

    /// <inheritdoc/>
    public override string Operation => Name;

    /// <inheritdoc/>
    public override string Shape => string.Create(CultureInfo.InvariantCulture, $"{Batch}x{Queries}x{Columns},{Keys},{Heads}{(Causal ? ",causal" : "")}");

    /// <inheritdoc/>
    /// <remarks>Of a causal mask, what lies under it is counted too.</remarks>
    public override double Flops => 4.0 * Batch * Queries * Keys * Columns;

    /// <inheritdoc/>
    public override long Elements => checked(2L * Batch * Columns * ((long)Queries + Keys));

    /// <summary>The case of a call; null for one with a bias.</summary>
    internal static AttentionCase? Of(Tensor q, Tensor k, in AttentionOptions options) =>
        options.Bias.IsEmpty ? new AttentionCase(q.Shape[0], q.Shape[1], q.Shape[2], k.Shape[1], options.Heads, options.Causal) : null;

    internal static AttentionCase Read(CaseText text)
    {
        int[] q = text.Extents("BxLqxD", 3), keys = text.Extents("Lk", 1), heads = text.Extents("HEADS", 1);
        return q[2] % heads[0] == 0
            ? new AttentionCase(q[0], q[1], q[2], keys[0], heads[0], text.Takes("causal"))
            : throw text.Refused($"{heads[0]} heads do not divide {q[2]} columns");
    }

    /// <inheritdoc/>
    internal override Func<Tensor> Prepare(CaseInputs inputs)
    {
        Tensor q = inputs.Input("q", [Batch, Queries, Columns]);
        Tensor k = inputs.Input("k", [Batch, Keys, Columns]), v = inputs.Input("v", [Batch, Keys, Columns]);
        AttentionOptions options = new() { Heads = Heads, Scale = (float)(1 / Math.Sqrt(Columns / Heads)), Causal = Causal };
        return () => inputs.Ops.Attention(q, k, v, options);
    }
}
