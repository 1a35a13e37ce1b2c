using System.Runtime.InteropServices;
using AudioToken.Bench.Cases;

namespace AudioToken.Peers;

/// <summary>An ONNX model of one operation of ours, with its weight inside so that a runtime can prepare it once.</summary>
/// <param name="Way">The operations that it has of ONNX.</param>
/// <param name="Model">The file.</param>
/// <param name="Inputs">Extents of <c>x0</c>, <c>x1</c>, ...</param>
/// <param name="Outputs">Extents of <c>y0</c>, <c>y1</c>, ...</param>
/// <remarks>Field numbers: onnx.proto of ONNX 1.16. Activation, gates, residual and shift are left out: the peer does less than we do.</remarks>
internal sealed record OnnxModel(string Way, byte[] Model, IReadOnlyList<long[]> Inputs, IReadOnlyList<long[]> Outputs)
{
    private const string Microsoft = "com.microsoft";
    private const int FloatType = 1, FloatAttribute = 1, IntegerAttribute = 2, IntegersAttribute = 7;

    /// <summary>The models of a case, of which the quickest counts; none for one that has no such peer.</summary>
    public static IReadOnlyList<OnnxModel> Of(KernelCase item) => item switch
    {
        Conv2dCase conv => [Convolution(conv)],
        GroupedConv1dCase conv => [GroupedConvolution(conv), GroupedConvolution(conv, 1)],
        LinearCase linear => [Products(linear.Rows, linear.Depth, linear.Columns, count: 1)],
        ProjectCase project => [Products(project.Rows, project.Depth, project.Columns, project.Count)],
        AttentionCase { Causal: false } attention => [FusedAttention(attention), Attention(attention)],
        _ => [],
    };

    // Channels first, as ONNX has them; both sources as one, an enlarged input at its new size, a shortcut as a convolution whose result is added.
    private static OnnxModel Convolution(Conv2dCase item)
    {
        (long height, long width) = item.Enlarged.Height > 0 ? item.Enlarged : (item.Height, item.Width);
        long[] input = [item.Batch, item.Channels + item.Skip, height, width];
        (long padY, long padX) = item.Padding;
        long[] output = [item.Batch, item.Columns, ((height + (2 * padY) - item.Window.Height) / item.Stride) + 1, ((width + (2 * padX) - item.Window.Width) / item.Stride) + 1];
        (long[] weight, long[] bias, long around) = ([item.Columns, input[1], item.Window.Height, item.Window.Width], [item.Columns], item.Shortcut.Channels + item.Shortcut.Skip);
        ProtocolBuffer node = Node("Conv", around > 0 ? "sums" : "y0", "x0", "w", "b")
            .Message(5, Integers("kernel_shape", item.Window.Height, item.Window.Width))
            .Message(5, Integers("pads", padY, padX, padY, padX))
            .Message(5, Integers("strides", item.Stride, item.Stride));
        return around > 0
            ? Build(
                "Conv, Conv, Add", [Node("Conv", "shortcut", "x1", "v", "c"), node, Node("Add", "y0", "sums", "shortcut")],
                [input, [item.Batch, around, height, width]], [output], ("w", weight), ("b", bias), ("v", [item.Columns, around, 1, 1]), ("c", bias))
            : Build("Conv", [node], [input], [output], ("w", weight), ("b", bias));
    }

    // As it is, or as a map with one row: 2D convolutions have kernels of their own.
    private static OnnxModel GroupedConvolution(GroupedConv1dCase item, params long[] row)
    {
        long[] map = [item.Batch, item.Channels, .. row, item.Length], none = new long[row.Length];
        ProtocolBuffer node = Node("Conv", "y0", "x0", "w", "b")
            .Message(5, Integers("kernel_shape", [.. row, item.Taps]))
            .Message(5, Integers("pads", [.. none, item.Taps / 2, .. none, (item.Taps - 1) / 2]))
            .Message(5, Attribute("group", IntegerAttribute).Number(3, item.Groups));
        return Build(row.Length == 0 ? "Conv 1D" : "Conv 2D", [node], [map], [map], ("w", [item.Channels, item.Channels / item.Groups, .. row, item.Taps]), ("b", [item.Channels]));
    }

    // Of one input, each with a result of its own, as exporters write query, key and value.
    private static OnnxModel Products(long rows, long depth, long columns, int count)
    {
        int[] each = [.. Enumerable.Range(0, count)];
        return Build(
            string.Join(", ", each.Select(_ => "MatMul")), [.. each.Select(i => Node("MatMul", $"y{i}", "x0", $"w{i}"))], [[rows, depth]], [.. each.Select(_ => (long[])[rows, columns])],
            [.. each.Select(i => ($"w{i}", (long[])[depth, columns]))]);
    }

    private static OnnxModel FusedAttention(AttentionCase item)
    {
        long[] queries = [item.Batch, item.Queries, item.Columns], keys = [item.Batch, item.Keys, item.Columns];
        string[] bias = item.Bias ? ["", "", "x3"] : [];
        ProtocolBuffer node = Node("MultiHeadAttention", "y0", ["x0", "x1", "x2", .. bias]).Text(7, Microsoft)
            .Message(5, Attribute("num_heads", IntegerAttribute).Number(3, item.Heads))
            .Message(5, Scale("scale", item));
        return Build("MultiHeadAttention", [node], [queries, keys, keys, .. Bias(item)], [queries]);
    }

    // Heads lie apart for the products; one head already does.
    private static OnnxModel Attention(AttentionCase item)
    {
        (bool many, long width) = (item.Heads > 1, item.Columns / item.Heads);
        long[] queries = many ? [item.Batch, item.Queries, item.Heads, width] : [item.Batch, 1, item.Queries, width];
        long[] keys = many ? [item.Batch, item.Keys, item.Heads, width] : [item.Batch, 1, item.Keys, width];
        (string q, string k, string v, string sums) = many ? ("q", "k", "v", "sums") : ("x0", "x1", "x2", "y0");
        ProtocolBuffer scores = Node("FusedMatMul", "scores", q, k).Text(7, Microsoft)
            .Message(5, Attribute("transB", IntegerAttribute).Number(3, 1))
            .Message(5, Scale("alpha", item));
        ProtocolBuffer[] apart = many ? [Swap("x0", q), Swap("x1", k), Swap("x2", v)] : [], together = many ? [Swap(sums, "y0")] : [];
        ProtocolBuffer[] biased = item.Bias ? [Node("Add", "biased", "scores", "x3")] : [];
        ProtocolBuffer[] softmax = [Node("Softmax", "shares", item.Bias ? "biased" : "scores"), Node("MatMul", sums, "shares", v)];
        return Build("MatMul, Softmax, MatMul", [.. apart, scores, .. biased, .. softmax, .. together], [queries, keys, keys, .. Bias(item)], [queries]);

        static ProtocolBuffer Swap(string from, string to) => Node("Transpose", to, from).Message(5, Integers("perm", 0, 2, 1, 3));
    }

    // Given to the peer as it is to be added: scaled by the gate where there is one.
    private static long[][] Bias(AttentionCase item) => item.Bias ? [[item.Gated ? item.Batch : 1, item.Heads, item.Queries, item.Keys]] : [];

    private static ProtocolBuffer Scale(string name, AttentionCase item) => Attribute(name, FloatAttribute).Float(2, (float)(1 / Math.Sqrt(item.Columns / item.Heads)));

    private static OnnxModel Build(string way, IReadOnlyList<ProtocolBuffer> nodes, IReadOnlyList<long[]> inputs, IReadOnlyList<long[]> outputs, params (string Name, long[] Shape)[] weights)
    {
        ProtocolBuffer graph = new ProtocolBuffer().Text(2, "one");
        foreach (ProtocolBuffer node in nodes)
            graph.Message(1, node);
        for (int i = 0; i < weights.Length; i++)
            graph.Message(5, Weight(weights[i].Name, weights[i].Shape, seed: i));
        for (int i = 0; i < inputs.Count; i++)
            graph.Message(11, Value($"x{i}", inputs[i]));
        for (int i = 0; i < outputs.Count; i++)
            graph.Message(12, Value($"y{i}", outputs[i]));
        byte[] model = new ProtocolBuffer().Number(1, 8).Message(7, graph)
            .Message(8, new ProtocolBuffer().Text(1, "").Number(2, 17))
            .Message(8, new ProtocolBuffer().Text(1, Microsoft).Number(2, 1))
            .ToArray();
        return new OnnxModel(way, model, inputs, outputs);
    }

    private static ProtocolBuffer Node(string operation, string output, params string[] inputs)
    {
        ProtocolBuffer node = new();
        foreach (string input in inputs)
            node.Text(1, input);
        return node.Text(2, output).Text(4, operation);
    }

    private static ProtocolBuffer Attribute(string name, int type) => new ProtocolBuffer().Text(1, name).Number(20, type);

    private static ProtocolBuffer Integers(string name, params long[] values)
    {
        ProtocolBuffer attribute = Attribute(name, IntegersAttribute);
        foreach (long value in values)
            attribute.Number(8, value);
        return attribute;
    }

    // Values of a fresh network; never zeros, which a processor may multiply faster, nor those of another weight, whose product might then stand for both.
    private static ProtocolBuffer Weight(string name, long[] shape, int seed)
    {
        long count = shape.Aggregate(1L, (product, extent) => product * extent);
        float[] values = Values.Gaussian(count, 1 / Math.Sqrt((double)count / shape[0]), seed);
        ProtocolBuffer tensor = new();
        foreach (long extent in shape)
            tensor.Number(1, extent);
        return tensor.Number(2, FloatType).Text(8, name).Bytes(9, MemoryMarshal.AsBytes(values.AsSpan()));
    }

    private static ProtocolBuffer Value(string name, long[] shape)
    {
        ProtocolBuffer extents = new();
        foreach (long extent in shape)
            extents.Message(1, new ProtocolBuffer().Number(1, extent));
        return new ProtocolBuffer().Text(1, name).Message(2, new ProtocolBuffer().Message(1, new ProtocolBuffer().Number(1, FloatType).Message(2, extents)));
    }
}
