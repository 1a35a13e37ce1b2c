using AudioToken.Bench.Cases;
using AudioToken.Tensors;

namespace AudioToken.Peers;

/// <summary>An ONNX model of one operation of ours.</summary>
/// <param name="Way">The operations that it has of ONNX.</param>
/// <param name="Model">The file.</param>
/// <param name="Inputs">Extents of what it is given, in order.</param>
/// <param name="Outputs">Extents of its results, in order.</param>
internal sealed record OnnxModel(string Way, byte[] Model, IReadOnlyList<long[]> Inputs, IReadOnlyList<long[]> Outputs)
{
    /// <summary>The models of a case, of which the quickest counts; none for one that has no such peer.</summary>
    /// <param name="item">The operation.</param>
    /// <param name="whole">With all that ours does: enlarging, biases, shifts, activations, gates and residuals, and norms. Otherwise products and convolutions by themselves, of inputs that are ready for them.</param>
    public static IReadOnlyList<OnnxModel> Of(KernelCase item, bool whole) => item switch
    {
        Conv2dCase conv => [Convolution(conv, whole)],
        GroupedConv1dCase conv => [GroupedConvolution(conv, whole), GroupedConvolution(conv, whole, 1)],
        LinearCase linear => [Product(linear, whole)],
        ProjectCase project => [Products(project, whole)],
        AttentionCase { Causal: false } attention => [FusedAttention(attention, whole), Attention(attention, whole)],
        LayerNormCase norm when whole => [LayerNorm(norm)],
        GroupNormCase norm when whole => [GroupNorm(norm)],
        _ => [],
    };

    // Channels first, as ONNX has them; both sources as one, which are joined once for the norm and the shortcut; a shortcut as a convolution whose result is added.
    private static OnnxModel Convolution(Conv2dCase item, bool whole)
    {
        OnnxGraph graph = new();
        (long height, long width) = item.Enlarged.Height > 0 ? item.Enlarged : (item.Height, item.Width);
        (long channels, long around) = (item.Channels + item.Skip, item.Shortcut.Channels + item.Shortcut.Skip);
        string x = whole && item.Enlarged.Height > 0
            ? graph.Enlarged(graph.Input(item.Batch, channels, item.Height, item.Width), item.Batch, channels, height, width)
            : graph.Input(item.Batch, channels, height, width);
        (long padY, long padX) = item.Padding;
        long[] output = [item.Batch, item.Columns, ((height + (2 * padY) - item.Window.Height) / item.Stride) + 1, ((width + (2 * padX) - item.Window.Width) / item.Stride) + 1];
        string y = graph.Node(
            "Conv", [x, graph.Weight(item.Columns, channels, item.Window.Height, item.Window.Width), graph.Weight(item.Columns)],
            OnnxGraph.Integers("kernel_shape", item.Window.Height, item.Window.Width), OnnxGraph.Integers("pads", padY, padX, padY, padX), OnnxGraph.Integers("strides", item.Stride, item.Stride));
        if (around > 0)
        {
            string shortcut = graph.Node("Conv", [graph.Input(item.Batch, around, height, width), graph.Weight(item.Columns, around, 1, 1), graph.Weight(item.Columns)]);
            y = graph.Node("Add", [y, shortcut]);
        }

        if (whole && item.Epilogue.Shift)
            y = graph.Node("Add", [y, graph.Input(item.Batch, item.Columns, 1, 1)]);
        return Finish(graph, y, bias: null, item.Epilogue, whole, output);
    }

    // As it is, or as a map with one row: 2D convolutions have kernels of their own.
    private static OnnxModel GroupedConvolution(GroupedConv1dCase item, bool whole, params long[] row)
    {
        OnnxGraph graph = new();
        long[] map = [item.Batch, item.Channels, .. row, item.Length], none = new long[row.Length];
        string y = graph.Node(
            "Conv", [graph.Input(map), graph.Weight([item.Channels, item.Channels / item.Groups, .. row, item.Taps]), graph.Weight(item.Channels)],
            OnnxGraph.Integers("kernel_shape", [.. row, item.Taps]), OnnxGraph.Integers("pads", [.. none, item.Taps / 2, .. none, (item.Taps - 1) / 2]), OnnxGraph.Integer("group", item.Groups));
        return Finish(graph, y, bias: null, item.Epilogue, whole, map);
    }

    // Two layers, of which the second takes a residual beside the first one's result, are two products.
    private static OnnxModel Product(LinearCase item, bool whole)
    {
        OnnxGraph graph = new();
        (string x, long depth) = (graph.Input(item.Rows, item.Depth), item.Depth);
        if (item.Through > 0)
        {
            x = graph.Node("MatMul", [x, graph.Weight(depth, item.Through)]);
            if (whole && item.Epilogue.Bias)
                x = graph.Node("Add", [x, graph.Weight(item.Through)]);
            if (whole)
                x = graph.Node("Add", [x, graph.Input(item.Rows, item.Through)]);
            depth = item.Through;
        }

        string y = graph.Node("MatMul", [x, graph.Weight(depth, item.Columns)]);
        string? bias = whole && item.Epilogue.Bias ? graph.Weight(item.Columns) : null;
        return Finish(graph, y, bias, item.Epilogue, whole, item.Rows, whole && item.Epilogue.Activation == Activation.Geglu ? item.Columns / 2 : item.Columns);
    }

    // Of one input, each with a result of its own, as exporters write query, key and value.
    private static OnnxModel Products(ProjectCase item, bool whole)
    {
        OnnxGraph graph = new();
        string x = graph.Input(item.Rows, item.Depth);
        for (int i = 0; i < item.Count; i++)
        {
            string y = graph.Node("MatMul", [x, graph.Weight(item.Depth, item.Columns)]);
            graph.Output(whole && item.Bias ? graph.Node("Add", [y, graph.Weight(item.Columns)]) : y, item.Rows, item.Columns);
        }

        return graph.Build();
    }

    private static OnnxModel FusedAttention(AttentionCase item, bool whole)
    {
        OnnxGraph graph = new();
        long[] queries = [item.Batch, item.Queries, item.Columns], keys = [item.Batch, item.Keys, item.Columns];
        graph.Output(graph.MultiHeadAttention([graph.Input(queries), graph.Input(keys), graph.Input(keys)], item.Heads, Scale(item), Bias(graph, item, whole)), queries);
        return graph.Build();
    }

    // Heads lie apart for the products; one head already does.
    private static OnnxModel Attention(AttentionCase item, bool whole)
    {
        OnnxGraph graph = new();
        (bool many, long width) = (item.Heads > 1, item.Columns / item.Heads);
        long[] queries = many ? [item.Batch, item.Queries, item.Heads, width] : [item.Batch, 1, item.Queries, width];
        long[] keys = many ? [item.Batch, item.Keys, item.Heads, width] : [item.Batch, 1, item.Keys, width];
        string q = Apart(graph.Input(queries)), k = Apart(graph.Input(keys)), v = Apart(graph.Input(keys));
        graph.Output(Apart(graph.Attention(q, k, v, Scale(item), Bias(graph, item, whole))), queries);
        return graph.Build();

        string Apart(string value) => many ? graph.Node("Transpose", [value], OnnxGraph.Integers("perm", 0, 2, 1, 3)) : value;
    }

    // Where it is gated, a query scales its row; by itself a product is given it scaled.
    private static string? Bias(OnnxGraph graph, AttentionCase item, bool whole)
    {
        if (!item.Bias)
            return null;
        string bias = graph.Input(item.Gated && !whole ? item.Batch : 1, item.Heads, item.Queries, item.Keys);
        return item.Gated && whole ? graph.Node("Mul", [bias, graph.Input(item.Batch, item.Heads, item.Queries, 1)]) : bias;
    }

    private static double Scale(AttentionCase item) => 1 / Math.Sqrt(item.Columns / item.Heads);

    private static OnnxModel LayerNorm(LayerNormCase item)
    {
        OnnxGraph graph = new();
        graph.Output(
            graph.Node("LayerNormalization", [graph.Input(item.Rows, item.Channels), graph.Weight(item.Channels), graph.Weight(item.Channels)], OnnxGraph.Integer("axis", -1)), item.Rows, item.Channels);
        return graph.Build();
    }

    private static OnnxModel GroupNorm(GroupNormCase item)
    {
        OnnxGraph graph = new();
        long[] shape = [item.Batch, item.Channels + item.Skip, item.Positions];
        string x = graph.Input(item.Batch, item.Channels, item.Positions);
        if (item.Skip > 0)
            x = graph.Node("Concat", [x, graph.Input(item.Batch, item.Skip, item.Positions)], OnnxGraph.Integer("axis", 1));
        Activation activation = item.Silu ? Activation.Silu : Activation.None;
        graph.Output(graph.GroupNorm(x, shape, item.Groups, 1e-5f, graph.Weight(shape[1], 1), graph.Weight(shape[1], 1), activation), shape);
        return graph.Build();
    }

    private static OnnxModel Finish(OnnxGraph graph, string y, string? bias, CaseEpilogue epilogue, bool whole, params long[] output)
    {
        if (whole)
            y = graph.Activated(y, bias, epilogue.Activation, 2 * output[^1]);
        graph.Output(whole && epilogue.Residual ? graph.Node("Add", [y, graph.Input(output)]) : y, output);
        return graph.Build();
    }
}
