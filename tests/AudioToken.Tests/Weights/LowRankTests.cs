using AudioToken.Tensors;
using AudioToken.Weights;
using Xunit;

namespace AudioToken.Tests.Weights;

public class LowRankTests
{
    [Theory]
    [InlineData(6, 10, 3)]
    [InlineData(1300, 1024, 4)] // 256 rows a block: six blocks, the last ragged
    [InlineData(2, 300_001, 2)] // a row larger than a block
    public void Merged_IsWeightPlusProduct_HoweverItIsRead(int rows, int columns, int rank)
    {
        WeightSource weight = WeightFormula.Source("w/", "to_q.weight", [rows, columns]);
        WeightSource down = WeightFormula.Source("d/", "down", [rank, columns]);
        WeightSource up = WeightFormula.Source("u/", "up", [rows, rank]);
        LowRankWeightSource merged = new(weight, down, up, 0.5f);
        Assert.Equal(("to_q.weight", weight.Shape, DType.F32), (merged.Name, merged.Shape, merged.DType));
        float[] whole = merged.ReadAll();
        float[] w = weight.ReadAll(), d = down.ReadAll(), u = up.ReadAll();
        double[] expected = new double[whole.Length];
        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j < columns; j++)
            {
                double product = 0;
                for (int k = 0; k < rank; k++)
                    product += (double)u[i * rank + k] * d[k * columns + j];
                expected[(long)i * columns + j] = w[(long)i * columns + j] + 0.5 * product;
            }
        }

        // |w|, |up|, |down| are below sqrt(3) (formula); rank + 2 roundings of terms below 3 rank + 2, each of half an epsilon (2^-24).
        double tolerance = (rank + 2) * (3 * rank + 2) * Math.Pow(2, -24);
        for (int i = 0; i < whole.Length; i++)
            Assert.True(Math.Abs(expected[i] - whole[i]) <= tolerance, $"{i}: {whole[i]}, expected {expected[i]}");

        foreach ((int start, int length) in ((int, int)[])[(0, 1), (columns - 1, 2), (whole.Length / 3, whole.Length / 2), (whole.Length - 1, 1), (5, 0)])
        {
            float[] part = new float[length];
            merged.Read(start, part);
            Assert.True(part.AsSpan().SequenceEqual(whole.AsSpan(start, length)), $"part at {start}");
        }
    }

    [Fact]
    public void ShapesThatDoNotFit_AreAllNamed()
    {
        WeightFileException exception = Assert.Throws<WeightFileException>(() => new LowRankWeightSource(Source("to_k.weight", [320, 768]), Source("down", [4, 1024]), Source("up", [320, 4])));
        Assert.Equal(4112, exception.Code);
        Assert.Equal("'to_k.weight': its LoRA does not fit: the weight is [320, 768], down is [4, 1024], up is [320, 4]; wanted down [rank, in] and up [out, rank].", exception.Message);
        Assert.Throws<WeightFileException>(() => new LowRankWeightSource(Source("w", [4]), Source("down", [1, 4]), Source("up", [4, 1])));
        Assert.Throws<WeightFileException>(() => new LowRankWeightSource(Source("w", [4, 2]), Source("down", [1, 2]), Source("up", [3, 1])));
        Assert.Throws<ArgumentOutOfRangeException>(() => new LowRankWeightSource(Source("w", [4, 2]), Source("down", [1, 2]), Source("up", [4, 1]), float.NaN));
    }

    [Theory]
    [InlineData("mid.attn1.processor.to_q_lora.down.weight", "mid.attn1.processor.to_q_lora.up.weight", "mid.attn1.to_q.weight")]
    [InlineData("unet.mid.attn1.processor.to_out_lora.down.weight", "unet.mid.attn1.processor.to_out_lora.up.weight", "mid.attn1.to_out.0.weight")]
    [InlineData("mid.attn1.to_out.0.lora.down.weight", "mid.attn1.to_out.0.lora.up.weight", "mid.attn1.to_out.0.weight")]
    [InlineData("unet.mid.attn1.to_q.lora_A.weight", "unet.mid.attn1.to_q.lora_B.weight", "mid.attn1.to_q.weight")]
    [InlineData("lora_unet_mid_attn1_to_out_0.lora_down.weight", "lora_unet_mid_attn1_to_out_0.lora_up.weight", "mid.attn1.to_out.0.weight")]
    public void EverySpelling_ReachesItsWeight(string down, string up, string expected)
    {
        using SourceCollection model = new("unet", [Source("mid.attn1.to_q.weight", [3, 2]), Source("mid.attn1.to_out.0.weight", [3, 2]), Source("mid.attn1.to_out.0.bias", [3])]);
        using SourceCollection lora = new("lora", [Source(down, [1, 2], 10), Source(up, [3, 1], 1)]);
        using LowRankTensors merged = new(model, lora, strength: 2);
        Assert.Equal(1, merged.MergedCount);
        Assert.Equal("unet with lora", merged.Description);
        Assert.Equal(model.Names, merged.Names);
        foreach (string name in model.Names)
            Assert.Equal(name == expected ? 21f : 1f, merged.Find(name)!.ReadAll()[0]); // 1 + 2 · 1 · 10
    }

    [Fact]
    public void Alpha_ScalesByTheRank()
    {
        using SourceCollection model = new("unet", [Source("a.to_v.weight", [3, 2])]);
        using SourceCollection lora = new("lora", [Source("lora_unet_a_to_v.lora_down.weight", [4, 2]), Source("lora_unet_a_to_v.lora_up.weight", [3, 4]), Source("lora_unet_a_to_v.alpha", [], 2)]);
        using LowRankTensors merged = new(model, lora);
        Assert.Equal(3f, merged.Find("a.to_v.weight")!.ReadAll()[0]); // 1 + (2 / 4) · 4 · 1
    }

    [Fact]
    public void WhatFitsNothing_IsRefusedByName()
    {
        using SourceCollection model = new("unet", [Source("a.to_v.weight", [3, 2])]);
        using SourceCollection lora = new("lora.safetensors", [Source("a.to_v.lora.down.weight", [1, 2]), Source("b.to_v.lora.up.weight", [3, 1])]);
        WeightFileException exception = Assert.Throws<WeightFileException>(() => new LowRankTensors(model, lora));
        Assert.Equal("lora.safetensors: 2 tensors of the LoRA fit nothing in unet, or lack their other half:\n  'a.to_v.lora.down.weight'\n  'b.to_v.lora.up.weight'", exception.Message);
    }

    private static ArrayWeightSource Source(string name, Shape shape, float value = 1f) => new(name, shape, [.. Enumerable.Repeat(value, (int)shape.Count)]);
}
