using System.Text.Json;
using AudioToken.Sampling;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Golden.Tests;

/// <summary><c>torch.randn</c> with a seeded CPU generator (golden b11).</summary>
public class TorchRandnTests
{
    private const string File = "b11_torch_randn";

    public static TheoryData<string> Cases()
    {
        using GoldenFile golden = Goldens.Open(File);
        TheoryData<string> cases = [];
        foreach (JsonProperty entry in golden.Json("configs").EnumerateObject())
            cases.Add(entry.Name);
        return cases;
    }

    [Theory, MemberData(nameof(Cases))]
    public void Generator_DrawsTheRecordedNormals(string name)
    {
        using GoldenFile golden = Goldens.Open(File);
        JsonElement entry = golden.Json("configs").GetProperty(name);
        ulong seed = entry.GetProperty("seed").GetUInt64();
        int count = entry.GetProperty("shape").EnumerateArray().Aggregate(1, (product, extent) => product * extent.GetInt32());
        TorchCpuGenerator generator = new(seed);
        float[] values = new float[count];

        if (name.Contains(".f16.", StringComparison.Ordinal))
        {
            generator.Half.Fill(values);
            Assert.Equal(golden[name], values); // eleven bits: rounding hides the libraries' differences
            return;
        }

        generator.Fill(values);
        if (entry.GetProperty("stored").GetString() == "every 64th, flattened")
            values = [.. values.Where((_, i) => i % 64 == 0)];
        // |x| is below 6. Its radius is a float32 root of a float32 logarithm, its angle up to 2 pi: a unit in the last place of
        // each (PyTorch's vector functions and ours may differ by that) makes 6 x 2.4e-7 + 6 x 4.8e-7.
        TensorAssert.MaxAbs(golden[name], values, 4.4e-6, "draw");

        float[] next = new float[20];
        generator.Fill(next);
        TensorAssert.MaxAbs(golden[name + ".next20"], next, 4.4e-6, "the next draw");
    }
}
