using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Backends.Tests;

/// <summary>Pictures as bytes: the same ones on every backend, and never of what is no number.</summary>
public sealed class PixelTests
{
    // One access of a thread, less, ragged, one block of the device and more.
    public static TheoryData<string, string> Sizes => BackendData.With(["3", "15", "48", "105", "4096", "12291"]);

    public static TheoryData<string, string> Faults => BackendData.With(["0", "13", "4095", "4096", "5000"]);

    [Theory, MemberData(nameof(Sizes))]
    public void Bytes_AreThoseOfTheFormula(string backend, string size)
    {
        int count = int.Parse(size, System.Globalization.CultureInfo.InvariantCulture);
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
            values[i] = (i % 7) switch { 0 => 0, 1 => 1.25f, 2 => -7, 3 => 2 * ((i % 255) + 0.5f) / 255 - 1, _ => 2.4f * ((i * 37 % count) / (float)count) - 1.2f };
        RoundedOps.Round(values, BackendData.StorageOf(backend));
        using ITensorOps ops = BackendData.Open(backend);
        using TensorScope scope = ops.Scope();
        byte[] pixels = new byte[count];
        Assert.Equal(-1, ops.ReadPixels(Stored(ops, values), pixels));
        for (int i = 0; i < count; i++)
        {
            // In fp32 the share is off by half an ulp of 1 and its product with 255 by half an ulp of 255.
            double exact = Math.Clamp(values[i] / 2.0 + 0.5, 0, 1) * 255;
            Assert.InRange(Math.Abs(pixels[i] - exact), 0, 0.5 + (255 * Math.Pow(2, -23)));
            Assert.Equal(Rgb8.Of(values[i]), pixels[i]);
        }
    }

    [Theory, MemberData(nameof(Faults))]
    public void WhatIsNoNumber_IsToldOfWithTheFirstPlace(string backend, string place)
    {
        int at = int.Parse(place, System.Globalization.CultureInfo.InvariantCulture);
        float[] values = new float[5001];
        values[5000] = float.NegativeInfinity;
        values[at] = float.NaN;
        using ITensorOps ops = BackendData.Open(backend);
        using TensorScope scope = ops.Scope();
        Assert.Equal(at, ops.ReadPixels(Stored(ops, values), new byte[5001]));
        values[at] = float.PositiveInfinity;
        Assert.Equal(at, ops.ReadPixels(Stored(ops, values), new byte[5001]));
    }

    [Theory, MemberData(nameof(Backends))]
    public void APartOfABatch_IsReadWhereItLies(string backend)
    {
        using ITensorOps ops = BackendData.Open(backend);
        using TensorScope scope = ops.Scope();
        Tensor both = ops.Upload([.. Enumerable.Range(0, 2 * 35 * 3).Select(i => (i / 105f) - 1)], [2, 5, 7, 3]);
        byte[] pixels = new byte[105];
        Assert.Equal(-1, ops.ReadPixels(both.Slice(1, 1), pixels));
        Assert.Equal(Enumerable.Range(105, 105).Select(i => Rgb8.Of((i / 105f) - 1)), pixels);
    }

    [Theory, MemberData(nameof(Backends))]
    public void RoomThatDoesNotFit_IsRefused(string backend)
    {
        using ITensorOps ops = BackendData.Open(backend);
        using TensorScope scope = ops.Scope();
        Tensor x = ops.Upload(new float[6], [1, 1, 2, 3]);
        Assert.Equal("ReadPixels: room for 5 bytes, but the tensor is [1, 1, 2, 3], 6 values.", Assert.Throws<ShapeException>(() => { ops.ReadPixels(x, new byte[5]); }).Message);
        Tensor ids = ops.Upload(new int[3], [3]);
        Assert.Equal($"ReadPixels: {ids}, wanted a float tensor.", Assert.Throws<ShapeException>(() => { ops.ReadPixels(ids, new byte[3]); }).Message);
    }

    public static TheoryData<string> Backends => BackendData.All;

    // In the storage type, as a decoder's result is: the row of a table.
    private static Tensor Stored(ITensorOps ops, float[] values)
    {
        using Weight table = ops.LoadWeight(new ArrayWeightSource("table", [1, values.Length], values), WeightRole.Table);
        using Weight nothing = ops.LoadWeight(new ArrayWeightSource("nothing", [1, values.Length], new float[values.Length]), WeightRole.Table);
        return ops.TokenEmbedding(ops.Upload([0], [1, 1]), table, nothing, -1, default);
    }
}
