using System.Buffers.Binary;
using System.Collections;
using System.Text;

namespace AudioToken.Testing.Torch;

/// <summary>A pickle put together opcode by opcode, the wrong ones above all.</summary>
public sealed class PickleBytes
{
    private readonly List<byte> _bytes = [];

    /// <summary>Begins with PROTO.</summary>
    public static PickleBytes Protocol(byte version = 2) => new PickleBytes().Raw(0x80, version);

    public byte[] ToArray() => [.. _bytes];

    public PickleBytes Raw(params ReadOnlySpan<byte> bytes)
    {
        _bytes.AddRange(bytes);
        return this;
    }

    /// <summary>An opcode by the letter that it is written as.</summary>
    public PickleBytes Op(char opcode) => Raw((byte)opcode);

    public PickleBytes Mark() => Op('(');

    public byte[] Stop() => Op('.').ToArray();

    public PickleBytes Tuple() => Op('t');

    public PickleBytes Reduce() => Op('R');

    public PickleBytes PersistentId() => Op('Q');

    public PickleBytes Global(string module, string name) => Op('c').Raw(Encoding.UTF8.GetBytes($"{module}\n{name}\n"));

    public PickleBytes Text(string text)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        return Op('X').UInt32((uint)utf8.Length).Raw(utf8);
    }

    public PickleBytes Integer(long value)
    {
        if (value is >= byte.MinValue and <= byte.MaxValue)
            return Op('K').Raw((byte)value);
        if (value is >= int.MinValue and <= int.MaxValue)
            return Op('J').UInt32((uint)(int)value);
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
        return Raw(0x8A, 8).Raw(bytes);
    }

    public PickleBytes UInt32(uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        return Raw(bytes);
    }

    public PickleBytes UInt64(ulong value)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        return Raw(bytes);
    }

    /// <summary>A tuple of whole numbers.</summary>
    public PickleBytes Integers(IEnumerable<long> values)
    {
        Mark();
        foreach (long value in values)
            Integer(value);
        return Tuple();
    }

    /// <summary>Plain data: null, bool, int, long, double, string, lists, dictionaries; what is bytes already goes in as it is.</summary>
    public PickleBytes Value(object? value)
    {
        switch (value)
        {
            case null:
                return Op('N');
            case bool truth:
                return Raw((byte)(truth ? 0x88 : 0x89));
            case int or long:
                return Integer(Convert.ToInt64(value, System.Globalization.CultureInfo.InvariantCulture));
            case double number:
                Span<byte> bytes = stackalloc byte[8];
                BinaryPrimitives.WriteDoubleBigEndian(bytes, number);
                return Op('G').Raw(bytes);
            case string text:
                return Text(text);
            case byte[] opcodes:
                return Raw(opcodes);
            case IDictionary<string, object?> dictionary:
                Op('}').Mark();
                foreach ((string key, object? item) in dictionary)
                    Text(key).Value(item);
                return Op('u');
            case IEnumerable list:
                Op(']').Mark();
                foreach (object? item in list)
                    Value(item);
                return Op('e');
            default:
                throw new ArgumentException($"{value.GetType()} is no plain data.", nameof(value));
        }
    }

    /// <summary>A storage as torch names it: <c>("storage", torch.XStorage, key, "cpu", count[, view])</c>.</summary>
    public PickleBytes Storage(string type, string key, long count, bool legacy = false)
    {
        Mark().Text("storage").Global("torch", type).Text(key).Text("cpu").Integer(count);
        return (legacy ? Op('N') : this).Tuple().PersistentId();
    }

    /// <summary>A tensor as torch rebuilds it.</summary>
    public PickleBytes Tensor(string storageType, string key, long count, long offset, IEnumerable<long> extents, IEnumerable<long> strides, bool legacy = false)
    {
        Global("torch._utils", "_rebuild_tensor_v2").Mark().Storage(storageType, key, count, legacy).Integer(offset);
        return Integers(extents).Integers(strides).Raw(0x89).Global("collections", "OrderedDict").Op(')').Reduce().Tuple().Reduce();
    }
}
