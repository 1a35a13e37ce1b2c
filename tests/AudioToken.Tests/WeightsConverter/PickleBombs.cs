using AudioToken.Testing.Torch;

namespace AudioToken.Tests.WeightsConverter;

/// <summary>Small pickles that ask for much (RELIABILITY case 12), with the words in which each is refused.</summary>
internal static class PickleBombs
{
    public static IReadOnlyList<(string Words, Func<byte[]> Pickle)> All { get; } =
    [
        ("a string of 2,147,483,648 bytes; at most 1,048,576 are read", () => PickleBytes.Protocol().Op('X').UInt32(1u << 31).Stop()),
        ("a string of 18,446,744,073,709,551,615 bytes", () => PickleBytes.Protocol(4).Raw(0x8D).UInt64(ulong.MaxValue).Stop()),
        ("a string of 4,294,967,295 bytes", () => PickleBytes.Protocol().Op('B').UInt32(uint.MaxValue).Stop()),
        ("a string of 9,223,372,036,854,775,807 bytes", () => PickleBytes.Protocol(4).Raw(0x8E).UInt64(long.MaxValue).Stop()),
        ("a number of 4,294,967,295 bytes", () => PickleBytes.Protocol().Raw(0x8B).UInt32(uint.MaxValue).Stop()),
        ("memo entry 2,147,483,648; at most 1,000,000 are kept", () => PickleBytes.Protocol().Op('N').Op('r').UInt32(1u << 31).Stop()),
        ("more than 8,388,608 bytes of strings", () => Repeat(9, PickleBytes.Protocol().Op('X').UInt32(1 << 20).Raw(new byte[1 << 20]).ToArray().AsSpan(2))),
        ("more than 1,000,000 values", () => Repeat(1_000_001, "N"u8)),
        ("more than 1,000,000 values", () => Repeat(1_000_001, "("u8)),
        ("more than 1,000,000 values", () => Repeat(500_001, "}"u8)),
        ("more than 1,000,000 values", () => Repeat(500_001, "]"u8)),
        ("more than 1,000,000 values", () => Repeat(500_001, "K\u0001K\u0002"u8)),
        ("more than 10,000,000 opcodes", () => Repeat(10_000_001, [0x80, 2])),
        ("containers nested more than 64 deep", () => PickleBytes.Protocol().Raw(Enumerable.Repeat((byte)']', 100_000).ToArray()).Raw(Enumerable.Repeat((byte)'a', 99_999).ToArray()).Stop()),
        ("containers nested more than 64 deep", () => PickleBytes.Protocol().Op(')').Raw(Enumerable.Repeat((byte)0x85, 1_000_000).ToArray()).Stop()),
        ("a name longer than 256 characters", () => PickleBytes.Protocol().Op('c').Raw(Enumerable.Repeat((byte)'x', 1_000_000).ToArray()).Stop()),
        ("a name longer than 256 characters", () => PickleBytes.Protocol(4).Text("omegaconf").Text(new string('x', 257)).Raw(0x93).Stop()),
        ("a key longer than 4,096 characters", () => PickleBytes.Protocol().Op('}').Text(new string('k', 4097)).Op('N').Op('s').Stop()),
        ("more than 1,000,000 values", () => Copies("list")),
        ("more than 1,000,000 values", () => Copies("dict")),
        ("more than 1,000,000 values", () => Encodings()),
        ("more than 1,000,000 values", () => Repeat(333_334, [(byte)'}', (byte)'K', 1, (byte)'N', (byte)'s'])), // dictionaries that are not empty
        ("more than 1,000,000 values", () => Entries(400_000)),
        ("more than 1,000,000 values", () => Memos(900_000)),
    ];

    private static byte[] Repeat(int count, ReadOnlySpan<byte> opcodes)
    {
        byte[] pickle = new byte[2 + count * opcodes.Length];
        (pickle[0], pickle[1]) = (0x80, 2);
        for (int i = 0; i < count; i++)
            opcodes.CopyTo(pickle.AsSpan(2 + i * opcodes.Length));
        return pickle;
    }

    // A long list, copied again and again by calls of a few bytes each.
    private static byte[] Copies(string type)
    {
        PickleBytes pickle = PickleBytes.Protocol().Global("builtins", type).Op('q').Raw(0).Op(type == "list" ? ']' : '}').Mark();
        for (int i = 0; i < 20_000; i++)
        {
            pickle.Integer(i);
            if (type == "dict")
                pickle.Op('N');
        }

        pickle.Op(type == "list" ? 'e' : 'u').Op('q').Raw(1);
        for (int i = 0; i < 1_000; i++)
            pickle.Op('h').Raw(0).Op('h').Raw(1).Raw(0x85).Reduce();
        return pickle.Stop();
    }

    private static byte[] Encodings()
    {
        PickleBytes pickle = PickleBytes.Protocol().Global("_codecs", "encode").Op('q').Raw(0).Text(new string('x', 1 << 20)).Op('q').Raw(1).Text("latin1").Op('q').Raw(2);
        for (int i = 0; i < 1_000; i++)
            pickle.Op('h').Raw(0).Op('h').Raw(1).Op('h').Raw(2).Raw(0x86).Reduce();
        return pickle.Stop();
    }

    // One dictionary of many entries, each key a number of its own.
    private static byte[] Entries(int count)
    {
        PickleBytes pickle = PickleBytes.Protocol().Op('}');
        for (int i = 0; i < count; i++)
            pickle.Integer(1000 + i).Op('N').Op('s');
        return pickle.Stop();
    }

    // Everything is remembered, and everything stays on the stack.
    private static byte[] Memos(int count)
    {
        PickleBytes pickle = PickleBytes.Protocol(4);
        for (int i = 0; i < count; i++)
            pickle.Op(i % 10 == 0 ? ']' : 'N').Raw(0x94);
        for (int i = 0; i < 100_000; i++)
            pickle.Op('N');
        return pickle.Stop();
    }
}
