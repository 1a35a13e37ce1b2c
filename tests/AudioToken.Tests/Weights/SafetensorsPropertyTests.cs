using System.Buffers.Binary;
using AudioToken.Tensors;
using AudioToken.Weights;
using CsCheck;
using Xunit;

namespace AudioToken.Tests.Weights;

public sealed class SafetensorsPropertyTests : IDisposable
{
    private static readonly Gen<StoredSample> s_tensor =
        Gen.Select(
            Gen.String[Gen.Char['\u0001', '\uD7FF'], 0, 12],
            Gen.Enum<DType>(),
            Gen.Int[0, 4].Array[0, 5])
        .SelectMany((name, dtype, extents) =>
        {
            int bytes = extents.Aggregate(dtype.Size(), (product, extent) => product * extent);
            return Gen.Byte.Array[bytes].Select(data => new StoredSample(name, dtype, extents, data));
        });

    private static readonly Gen<StoredSample[]> s_tensors = s_tensor.Array[0, 8].Select(list => list.DistinctBy(tensor => tensor.Name).ToArray());

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void AnyTensors_ComeBackAsTheyWere()
    {
        Gen.Select(s_tensors, Gen.Dictionary(Gen.String[Gen.Char['\u0001', '\uD7FF'], 0, 9], Gen.String[Gen.Char['\u0001', '\uD7FF'], 0, 30])[0, 4]).Sample((tensors, metadata) =>
        {
            using SafetensorsFile file = SafetensorsFile.Open(_folder.Write("sample.safetensors", Bytes(tensors, metadata)));
            Assert.Equal(metadata.OrderBy(pair => pair.Key), file.Metadata.OrderBy(pair => pair.Key));
            Assert.Equal(tensors.Select(tensor => tensor.Name).Order(StringComparer.Ordinal), file.Names.Order(StringComparer.Ordinal));
            foreach (StoredSample tensor in tensors)
            {
                WeightSource source = file.Find(tensor.Name)!;
                Assert.Equal((tensor.DType, new Shape(tensor.Extents)), (source.DType, source.Shape));
                Assert.Equal(tensor.Data, file.ReadBytes(tensor.Name));
                Assert.Equal(source.Shape.Count, source.ReadAll().LongLength);
            }
        }, iter: 150, threads: 1);
    }

    [Fact]
    public void DamagedFile_IsReadWithinItsBoundsOrRefused_AndNothingElse()
    {
        Gen<(int Where, byte What)[]> changes = Gen.Select(Gen.Int[0, 1 << 20], Gen.Byte).Array[1, 6];
        Gen.Select(s_tensors, changes, Gen.Int[0, 40], Gen.Bool).Sample((tensors, damage, cut, inHeader) =>
        {
            byte[] bytes = Bytes(tensors, []);
            int reach = inHeader ? 8 + (int)BinaryPrimitives.ReadInt64LittleEndian(bytes) : bytes.Length;
            foreach ((int where, byte what) in damage)
                bytes[where % reach] = what;
            Survives(bytes.AsSpan(0, bytes.Length - Math.Min(cut, bytes.Length)));
        }, iter: 250, threads: 1);
    }

    [Fact]
    public void ChangedNumbersInTheHeader_AreReadWithinTheirBoundsOrRefused()
    {
        // Digits for digits: the JSON stays whole, so that the damage reaches the rules behind the parser.
        Gen.Select(s_tensors.Where(list => list.Length > 0), Gen.Select(Gen.Int[0, 1 << 20], Gen.Char['0', '9']).Array[1, 4]).Sample((tensors, damage) =>
        {
            byte[] bytes = Bytes(tensors, []);
            int[] digits = [.. Enumerable.Range(8, (int)BinaryPrimitives.ReadInt64LittleEndian(bytes)).Where(i => char.IsAsciiDigit((char)bytes[i]))];
            foreach ((int where, char digit) in damage)
                bytes[digits[where % digits.Length]] = (byte)digit;
            Survives(bytes);
        }, iter: 250, threads: 1);
    }

    private void Survives(ReadOnlySpan<byte> bytes)
    {
        string path = _folder.Write("damaged.safetensors", bytes);
        long before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            using SafetensorsFile file = SafetensorsFile.Open(path);
            foreach (StoredTensor tensor in file.Tensors)
            {
                Assert.InRange(tensor.ByteCount, 0, bytes.Length);
                Assert.Equal(tensor.ByteCount, file.ReadBytes(tensor.Name).Length);
                _ = file.Find(tensor.Name)?.ReadAll();
            }
        }
        catch (AudioTokenException exception)
        {
            Assert.StartsWith("damaged.safetensors: ", exception.Message, StringComparison.Ordinal);
        }

        // The files are some kilobytes; the widest tensor becomes four times as large as floats, eight times while it is a double.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 << 20);
    }

    private static byte[] Bytes(StoredSample[] tensors, Dictionary<string, string> metadata)
    {
        SafetensorsWriter writer = new();
        foreach (StoredSample tensor in tensors)
            writer.Add(tensor.Name, new Shape(tensor.Extents), tensor.DType, tensor.Data);
        foreach ((string key, string value) in metadata)
            writer.SetMetadata(key, value);
        using MemoryStream memory = new();
        writer.Save(memory);
        return memory.ToArray();
    }

    private sealed record StoredSample(string Name, DType DType, int[] Extents, byte[] Data);
}
