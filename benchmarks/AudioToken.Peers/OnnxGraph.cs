using System.Runtime.InteropServices;

namespace AudioToken.Peers;

/// <summary>Writes an ONNX graph, operation by operation, with its weights inside so that a runtime can prepare them once.</summary>
/// <remarks>Field numbers: onnx.proto of ONNX 1.16.</remarks>
internal sealed partial class OnnxGraph
{
    private const string Microsoft = "com.microsoft";
    private const int FloatType = 1, Int64Type = 7, FloatAttribute = 1, IntegerAttribute = 2, TextAttribute = 3, IntegersAttribute = 7, ExternalData = 1;

    private readonly ProtocolBuffer _graph = new ProtocolBuffer().Text(2, "one");
    private readonly List<string> _operations = [];
    private readonly List<long[]> _inputs = [], _outputs = [];
    private int _values;

    /// <summary>A tensor that each run is given; its name.</summary>
    public string Input(params long[] shape)
    {
        _inputs.Add(shape);
        return Declared(11, Name(), shape);
    }

    /// <summary>Makes a value the graph's result.</summary>
    public void Output(string value, params long[] shape)
    {
        _outputs.Add(shape);
        Declared(12, value, shape);
    }

    /// <summary>Values of a fresh network; never zeros, which a processor may multiply faster, nor those of another weight, whose product might then stand for both.</summary>
    public string Weight(params long[] shape)
    {
        long count = shape.Aggregate(1L, (product, extent) => product * extent);
        return Weight(Values.Gaussian(count, 1 / Math.Sqrt((double)count / shape[0]), seed: _values), shape);
    }

    /// <summary>Given values.</summary>
    public string Weight(float[] values, params long[] shape) => Constant(FloatType, shape, Raw(MemoryMarshal.AsBytes(values.AsSpan())));

    /// <summary>Values that lie in a file beside the graph's.</summary>
    /// <param name="file">Its name.</param>
    /// <param name="offset">Byte at which they begin.</param>
    /// <param name="shape">Their extents.</param>
    public string Weight(string file, long offset, params long[] shape)
    {
        long bytes = sizeof(float) * shape.Aggregate(1L, (product, extent) => product * extent);
        return Constant(FloatType, shape, new ProtocolBuffer().Message(13, Entry("location", file)).Message(13, Entry("offset", $"{offset}")).Message(13, Entry("length", $"{bytes}")).Number(14, ExternalData));

        static ProtocolBuffer Entry(string key, string value) => new ProtocolBuffer().Text(1, key).Text(2, value);
    }

    /// <summary>Whole numbers, such as extents.</summary>
    public string Numbers(params long[] values) => Constant(Int64Type, [values.Length], Raw(MemoryMarshal.AsBytes(values.AsSpan())));

    /// <summary>An operation; its result. An input that is left out is an empty name.</summary>
    public string Node(string operation, string[] inputs, params ProtocolBuffer[] attributes) => Nodes(operation, inputs, results: 1, attributes)[0];

    /// <summary>An operation with several results.</summary>
    public string[] Nodes(string operation, string[] inputs, int results, params ProtocolBuffer[] attributes)
    {
        ProtocolBuffer node = new();
        foreach (string input in inputs)
            node.Text(1, input);
        string[] outputs = [.. Enumerable.Range(0, results).Select(_ => Name())];
        foreach (string output in outputs)
            node.Text(2, output);
        node.Text(4, operation);
        foreach (ProtocolBuffer attribute in attributes)
            node.Message(5, attribute);
        if (operation is "MultiHeadAttention" or "FusedMatMul" or "Gelu" or "BiasGelu" or "QuickGelu")
            node.Text(7, Microsoft);
        _graph.Message(1, node);
        _operations.Add(operation);
        return outputs;
    }

    /// <summary>The file.</summary>
    public OnnxModel Build()
    {
        byte[] model = new ProtocolBuffer().Number(1, 8).Message(7, _graph)
            .Message(8, new ProtocolBuffer().Text(1, "").Number(2, 17))
            .Message(8, new ProtocolBuffer().Text(1, Microsoft).Number(2, 1))
            .ToArray();
        return new OnnxModel(string.Join(", ", _operations), model, _inputs, _outputs);
    }

    public static ProtocolBuffer Integer(string name, long value) => Attribute(name, IntegerAttribute).Number(3, value);

    public static ProtocolBuffer Float(string name, double value) => Attribute(name, FloatAttribute).Float(2, (float)value);

    public static ProtocolBuffer Text(string name, string value) => Attribute(name, TextAttribute).Text(4, value);

    public static ProtocolBuffer Integers(string name, params long[] values)
    {
        ProtocolBuffer attribute = Attribute(name, IntegersAttribute);
        foreach (long value in values)
            attribute.Number(8, value);
        return attribute;
    }

    private static ProtocolBuffer Attribute(string name, int type) => new ProtocolBuffer().Text(1, name).Number(20, type);

    private string Name() => $"v{_values++}";

    private string Declared(int field, string name, long[] shape)
    {
        ProtocolBuffer extents = new();
        foreach (long extent in shape)
            extents.Message(1, new ProtocolBuffer().Number(1, extent));
        _graph.Message(field, new ProtocolBuffer().Text(1, name).Message(2, new ProtocolBuffer().Message(1, new ProtocolBuffer().Number(1, FloatType).Message(2, extents))));
        return name;
    }

    private static ProtocolBuffer Raw(ReadOnlySpan<byte> bytes) => new ProtocolBuffer().Bytes(9, bytes);

    private string Constant(int type, long[] shape, ProtocolBuffer data)
    {
        string name = Name();
        ProtocolBuffer tensor = new();
        foreach (long extent in shape)
            tensor.Number(1, extent);
        _graph.Message(5, tensor.Number(2, type).Text(8, name).Fields(data));
        return name;
    }
}
