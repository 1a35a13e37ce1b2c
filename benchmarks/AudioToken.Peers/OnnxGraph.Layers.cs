using AudioToken.Tensors;

namespace AudioToken.Peers;

// Layers of several operations, of ONNX Runtime's own fused ones where it has them.
internal sealed partial class OnnxGraph
{
    /// <summary>A bias, or null, then an activation.</summary>
    /// <param name="y">[..., columns].</param>
    /// <param name="bias">[columns], or null.</param>
    /// <param name="activation">After GEGLU half the columns are left.</param>
    /// <param name="columns">Of <paramref name="y"/>.</param>
    public string Activated(string y, string? bias, Activation activation, long columns)
    {
        if (bias is not null && activation == Activation.Gelu)
            return Node("BiasGelu", [y, bias]);
        if (bias is not null)
            y = Node("Add", [y, bias]);
        switch (activation)
        {
            case Activation.Gelu:
                return Node("Gelu", [y]);
            case Activation.Silu:
                return Node("QuickGelu", [y], Float("alpha", 1)); // y times the sigmoid of alpha y
            case Activation.QuickGelu:
                return Node("QuickGelu", [y], Float("alpha", 1.702));
            case Activation.Relu:
                return Node("Relu", [y]);
            case Activation.Geglu:
                string[] halves = Nodes("Split", [y, Numbers(columns / 2, columns / 2)], 2, Integer("axis", -1));
                return Node("Mul", [halves[0], Node("Gelu", [halves[1]])]);
            default:
                return y;
        }
    }

    /// <summary>A map at another size, by the nearest neighbour.</summary>
    public string Enlarged(string map, params long[] shape) => Node(
        "Resize", [map, "", "", Numbers(shape)], Text("mode", "nearest"), Text("coordinate_transformation_mode", "asymmetric"), Text("nearest_mode", "floor"));

    /// <summary>A group norm as exporters write it: the norm of each group as of an instance, then a factor and a summand of each channel.</summary>
    /// <param name="x">[B, C, ...].</param>
    /// <param name="shape">Its extents.</param>
    /// <param name="groups">A divisor of C.</param>
    /// <param name="epsilon">Added to the variance.</param>
    /// <param name="gamma">[C, 1, ...].</param>
    /// <param name="beta">[C, 1, ...].</param>
    /// <param name="activation">Of the result.</param>
    public string GroupNorm(string x, long[] shape, int groups, float epsilon, string gamma, string beta, Activation activation)
    {
        float[] ones = new float[groups];
        Array.Fill(ones, 1);
        string instances = Node("Reshape", [x, Numbers(shape[0], groups, -1)]);
        string normal = Node("InstanceNormalization", [instances, Weight(ones, groups), Weight(new float[groups], groups)], Float("epsilon", epsilon));
        string y = Node("Add", [Node("Mul", [Node("Reshape", [normal, Numbers(shape)]), gamma]), beta]);
        return Activated(y, bias: null, activation, columns: 0);
    }

    /// <summary>Attention of several heads, as one operation.</summary>
    /// <param name="inputs">Queries, keys and values, [B, L, D].</param>
    /// <param name="heads">A divisor of D.</param>
    /// <param name="scale">Of the scores.</param>
    /// <param name="bias">Added to them, [B or 1, heads, Lq, Lk], or null.</param>
    public string MultiHeadAttention(string[] inputs, int heads, double scale, string? bias) =>
        Node("MultiHeadAttention", bias is null ? inputs : [.. inputs, "", "", bias], Integer("num_heads", heads), Float("scale", scale));

    /// <summary>Attention as products with a softmax between.</summary>
    /// <param name="q">[..., Lq, D].</param>
    /// <param name="k">[..., Lk, D].</param>
    /// <param name="v">[..., Lk, D].</param>
    /// <param name="scale">Of the scores.</param>
    /// <param name="bias">Added to them, or null.</param>
    public string Attention(string q, string k, string v, double scale, string? bias)
    {
        string scores = Node("FusedMatMul", [q, k], Integer("transB", 1), Float("alpha", scale));
        if (bias is not null)
            scores = Node("Add", [scores, bias]);
        return Node("MatMul", [Node("Softmax", [scores]), v]);
    }
}
