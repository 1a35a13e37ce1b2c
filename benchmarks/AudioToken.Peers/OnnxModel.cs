using System.Runtime.InteropServices;
using AudioToken.Bench.Cases;

namespace AudioToken.Peers;

/// <summary>An ONNX model of one operation, with its weight inside so that a runtime can prepare it once.</summary>
/// <param name="Model">The file.</param>
/// <param name="Inputs">Extents of <c>x0</c>, <c>x1</c>, ...</param>
/// <param name="Output">Extents of <c>y</c>.</param>
/// <remarks>Field numbers: onnx.proto of ONNX 1.16. Activation, gate, residual and shift are left out: the peer does less than we do.</remarks>
internal sealed record OnnxModel(byte[] Model, IReadOnlyList<long[]> Inputs, long[] Output)
{
    private const int FloatType = 1, FloatAttribute = 1, IntegerAttribute = 2, IntegersAttribute = 7;

    /// <summary>The model of a case; null for one that has no such peer.</summary>
    public static OnnxModel? Of(KernelCase item) => item switch
    {
        Conv2dCase conv => Convolution(conv),
        LinearCase linear => Product(linear),
        AttentionCase { Causal: false } attention => Attention(attention),
        _ => null,
    };

    // Channels first, as ONNX has them; both sources as one, an enlarged input at its new size.
    private static OnnxModel Convolution(Conv2dCase item)
    {
        (long height, long width) = item.Enlarged.Height > 0 ? item.Enlarged : (item.Height, item.Width);
        long[] input = [item.Batch, item.Channels + item.Skip, height, width];
        (long padY, long padX) = (item.Window.Height / 2, item.Window.Width / 2);
        long[] output = [item.Batch, item.Columns, ((height + (2 * padY) - item.Window.Height) / item.Stride) + 1, ((width + (2 * padX) - item.Window.Width) / item.Stride) + 1];
        ProtocolBuffer node = Node("Conv", "", "x0", "w", "b")
            .Message(5, Integers("kernel_shape", item.Window.Height, item.Window.Width))
            .Message(5, Integers("pads", padY, padX, padY, padX))
            .Message(5, Integers("strides", item.Stride, item.Stride));
        return Build(node, [input], output, ("w", [item.Columns, input[1], item.Window.Height, item.Window.Width]), ("b", [item.Columns]));
    }

    private static OnnxModel Product(LinearCase item) => Build(
        Node("MatMul", "", "x0", "w"), [[item.Rows, item.Depth]], [item.Rows, item.Columns], ("w", [item.Depth, item.Columns]));

    private static OnnxModel Attention(AttentionCase item)
    {
        long[] queries = [item.Batch, item.Queries, item.Columns], keys = [item.Batch, item.Keys, item.Columns];
        ProtocolBuffer node = Node("MultiHeadAttention", "com.microsoft", "x0", "x1", "x2")
            .Message(5, Attribute("num_heads", IntegerAttribute).Number(3, item.Heads))
            .Message(5, Attribute("scale", FloatAttribute).Float(2, (float)(1 / Math.Sqrt(item.Columns / item.Heads))));
        return Build(node, [queries, keys, keys], queries);
    }

    private static OnnxModel Build(ProtocolBuffer node, IReadOnlyList<long[]> inputs, long[] output, params (string Name, long[] Shape)[] weights)
    {
        ProtocolBuffer graph = new ProtocolBuffer().Message(1, node).Text(2, "one");
        foreach ((string name, long[] shape) in weights)
            graph.Message(5, Weight(name, shape));
        for (int i = 0; i < inputs.Count; i++)
            graph.Message(11, Value($"x{i}", inputs[i]));
        graph.Message(12, Value("y", output));
        byte[] model = new ProtocolBuffer().Number(1, 8).Message(7, graph)
            .Message(8, new ProtocolBuffer().Text(1, "").Number(2, 17))
            .Message(8, new ProtocolBuffer().Text(1, "com.microsoft").Number(2, 1))
            .ToArray();
        return new OnnxModel(model, inputs, output);
    }

    private static ProtocolBuffer Node(string operation, string domain, params string[] inputs)
    {
        ProtocolBuffer node = new();
        foreach (string input in inputs)
            node.Text(1, input);
        return node.Text(2, "y").Text(4, operation).Text(7, domain);
    }

    private static ProtocolBuffer Attribute(string name, int type) => new ProtocolBuffer().Text(1, name).Number(20, type);

    private static ProtocolBuffer Integers(string name, params long[] values)
    {
        ProtocolBuffer attribute = Attribute(name, IntegersAttribute);
        foreach (long value in values)
            attribute.Number(8, value);
        return attribute;
    }

    // Values of a fresh network; never zeros, which a processor may multiply faster.
    private static ProtocolBuffer Weight(string name, long[] shape)
    {
        long count = shape.Aggregate(1L, (product, extent) => product * extent);
        float[] values = Values.Gaussian(count, 1 / Math.Sqrt((double)count / shape[0]));
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
