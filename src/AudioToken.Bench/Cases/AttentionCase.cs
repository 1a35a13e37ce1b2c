using System.Globalization;
using AudioToken.Tensors;

namespace AudioToken.Bench.Cases;

/// <summary>Attention: <c>BxLqxD,Lk,HEADS[,causal][,bias|,gated-bias]</c>.</summary>
/// <param name="Batch">Samples.</param>
/// <param name="Queries">Lq.</param>
/// <param name="Columns">D, all heads together.</param>
/// <param name="Keys">Lk.</param>
/// <param name="Heads">A divisor of D.</param>
/// <param name="Causal">Row i sees keys up to i alone.</param>
/// <param name="Bias">One value a head, query and key is added to the scores.</param>
/// <param name="Gated">Every query scales its bias.</param>
public sealed record AttentionCase(int Batch, int Queries, int Columns, int Keys, int Heads, bool Causal, bool Bias = false, bool Gated = false) : KernelCase
{
    internal const string Name = "attention";
    internal const string Form = "BxLqxD,Lk,HEADS[,causal][,bias|,gated-bias]";
    internal const string Example = "2x4096x320,4096,8";

    /// <inheritdoc/>
    public override string Operation => Name;

    /// <inheritdoc/>
    public override string Shape => string.Create(CultureInfo.InvariantCulture, $"{Batch}x{Queries}x{Columns},{Keys},{Heads}{(Causal ? ",causal" : "")}{(Gated ? ",gated-bias" : Bias ? ",bias" : "")}");

    /// <inheritdoc/>
    /// <remarks>Of a causal mask, what lies under it is counted too.</remarks>
    public override double Flops => 4.0 * Batch * Queries * Keys * Columns;

    /// <inheritdoc/>
    public override long Elements => checked(2L * Batch * Columns * ((long)Queries + Keys) + (Bias ? (long)Heads * Queries * Keys : 0) + (Gated ? (long)Batch * Queries * Heads : 0));

    internal static AttentionCase Of(Tensor q, Tensor k, in AttentionOptions options) =>
        new(q.Shape[0], q.Shape[1], q.Shape[2], k.Shape[1], options.Heads, options.Causal, !options.Bias.IsEmpty, !options.BiasGate.IsEmpty);

    internal static AttentionCase Read(CaseText text)
    {
        int[] q = text.Extents("BxLqxD", 3), keys = text.Extents("Lk", 1), heads = text.Extents("HEADS", 1);
        bool gated = text.Takes("gated-bias");
        return q[2] % heads[0] == 0
            ? new AttentionCase(q[0], q[1], q[2], keys[0], heads[0], text.Takes("causal"), text.Takes("bias") || gated, gated)
            : throw text.Refused($"{heads[0]} heads do not divide {q[2]} columns");
    }

    /// <inheritdoc/>
    internal override CaseWork Prepare(CaseInputs inputs)
    {
        Tensor q = inputs.Input("q", [Batch, Queries, Columns]);
        Tensor k = inputs.Input("k", [Batch, Keys, Columns]), v = inputs.Input("v", [Batch, Keys, Columns]);
        AttentionOptions options = new()
        {
            Heads = Heads,
            Scale = (float)(1 / Math.Sqrt(Columns / Heads)),
            Causal = Causal,
            Bias = Bias ? inputs.Input("bias", [Heads, Queries, Keys]) : default,
            BiasGate = Gated ? inputs.Input("gate", [Batch, Queries, Heads]) : default,
        };
        return new CaseWork(() => inputs.Ops.Attention(q, k, v, options));
    }
}
