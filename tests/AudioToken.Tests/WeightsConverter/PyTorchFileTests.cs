using System.Text.Json;
using AudioToken.Tensors;
using AudioToken.Testing;
using AudioToken.Weights;
using AudioToken.WeightsConverter.PyTorch;
using Xunit;

namespace AudioToken.Tests.WeightsConverter;

/// <summary>Files that torch.save wrote, against the same tensors in safetensors files or from the weight formula.</summary>
public sealed class PyTorchFileTests
{
    [Theory]
    [InlineData("unet/diffusion_pytorch_model.bin", "unet/diffusion_pytorch_model.safetensors")]
    [InlineData("vae/diffusion_pytorch_model.bin", "vae/diffusion_pytorch_model.safetensors")]
    [InlineData("text_encoder/pytorch_model.bin", "text_encoder/model.safetensors")]
    public void Bin_HoldsTheTensorsOfItsSafetensorsTwin(string bin, string safetensors)
    {
        using PyTorchFile file = PyTorchFile.Open(Goldens.PathOf("tiny-hf/" + bin));
        using SafetensorsFile twin = SafetensorsFile.Open(Goldens.PathOf("tiny-hf/" + safetensors));

        Assert.Equal(twin.Names.Order(StringComparer.Ordinal), file.Names.Order(StringComparer.Ordinal));
        Assert.Equal((PyTorchForm.Zip, (string?)null), (file.Form, file.StateKey));
        foreach (string name in twin.Names)
        {
            WeightSource source = file.Find(name)!, wanted = twin.Find(name)!;
            Assert.Equal((wanted.Shape, wanted.DType), (source.Shape, source.DType));
            Assert.True(wanted.ReadAll().AsSpan().SequenceEqual(source.ReadAll()), name);
        }
    }

    [Theory]
    [InlineData("tiny-hf/BEATs_tiny.pt", "tinyhf/beats/")]
    [InlineData("tiny-hf-sd2/BEATs_tiny.pt", "tinyhf2/beats/")]
    public void Beats_GivesModelAsTensorsAndCfgAsJson(string path, string prefix)
    {
        using PyTorchFile file = PyTorchFile.Open(Goldens.PathOf(path));

        Assert.Equal("model", file.StateKey);
        Assert.Equal(["cfg"], file.Metadata.Keys);
        using JsonDocument config = JsonDocument.Parse(file.Metadata["cfg"]);
        Assert.Equal((12, "gelu", true, 0.6), (
            config.RootElement.GetProperty("encoder_layers").GetInt32(),
            config.RootElement.GetProperty("activation_fn").GetString(),
            config.RootElement.GetProperty("deep_norm").GetBoolean(),
            config.RootElement.GetProperty("layer_wise_gradient_decay_ratio").GetDouble()));
        Assert.Equal(["collections OrderedDict", "torch FloatStorage", "torch._utils _rebuild_tensor_v2"], file.Globals);
        EqualsFormula(file, prefix);
    }

    [Theory]
    [InlineData("tiny-hf/embedder_learned_embeds.bin", "tinyhf/embedder/", 13)]
    [InlineData("tiny-hf/lora_layers_learned_embeds.bin", "tinyhf/lora/", 256)]
    [InlineData("tiny-hf-sd2/embedder_learned_embeds.bin", "tinyhf2/embedder/", 13)]
    public void EmbedderAndLora_AreTheRootDictionary(string path, string prefix, int count)
    {
        using PyTorchFile file = PyTorchFile.Open(Goldens.PathOf(path));

        Assert.Equal((null, count), (file.StateKey, file.Tensors.Count));
        Assert.Empty(file.Metadata);
        EqualsFormula(file, prefix);
    }

    // goldens/torch/make.py wrote them.
    [Theory]
    [InlineData("torch/zip.ckpt", PyTorchForm.Zip)]
    [InlineData("torch/legacy.ckpt", PyTorchForm.Legacy)]
    public void FileOfTorchItself_IsReadInEveryTypeAndView(string path, PyTorchForm form)
    {
        using PyTorchFile file = PyTorchFile.Open(Goldens.PathOf(path));

        Assert.Equal((form, "state_dict"), (file.Form, file.StateKey));
        Assert.Equal(["betas=[0.9,0.999]", "epoch=3", "global_step=470000", "name=\"größe\"", "shape=[1,2]"], file.Metadata.Select(pair => $"{pair.Key}={pair.Value}").Order(StringComparer.Ordinal));
        (string Name, DType Type)[] types =
        [
            ("float32", DType.F32), ("float16", DType.F16), ("bfloat16", DType.BF16), ("float64", DType.F64), ("int64", DType.I64),
            ("int32", DType.I32), ("int16", DType.I16), ("int8", DType.I8), ("uint8", DType.U8),
        ];
        foreach ((string name, DType type) in types)
        {
            Assert.Equal(type, file.Find(name)!.DType);
            IsRead(name, [2, 3], [0, 1, 2, 3, 4, 5]);
        }

        Assert.Equal(DType.Bool, file.Find("bool")!.DType);
        IsRead("bool", [2], [0, 1]);
        IsRead("base", [4, 6], Enumerable.Range(0, 24));
        IsRead("transposed", [6, 4], from column in Enumerable.Range(0, 6) from row in Enumerable.Range(0, 4) select row * 6 + column);
        IsRead("slice", [2, 3], [8, 9, 10, 14, 15, 16]);
        IsRead("steps", [2, 2], [0, 3, 12, 15]);
        IsRead("empty", [0, 3], []);
        IsRead("parameter", [3], [0, 1, 2]);
        IsRead("permuted", [4, 2, 5, 3], from k in Enumerable.Range(0, 4) from i in Enumerable.Range(0, 2) from l in Enumerable.Range(0, 5) from j in Enumerable.Range(0, 3) select ((i * 3 + j) * 4 + k) * 5 + l);
        Assert.Equal([2.5f], file.Find("scalar")!.ReadAll());
        Assert.Equal(18, file.Tensors.Count);

        void IsRead(string name, Shape shape, IEnumerable<int> values)
        {
            Assert.Equal(shape, file.Find(name)!.Shape);
            Assert.Equal(values.Select(value => (float)value), file.Find(name)!.ReadAll());
        }
    }

    [Fact]
    public void PublishedLora_HasItsTensorsAndFirstValues()
    {
        string? path = SharedData.PathOf("audiotoken-official/lora_layers_learned_embeds.bin");
        Assert.SkipWhen(path is null, "the published LoRA is not here");
        using PyTorchFile file = PyTorchFile.Open(path);

        Assert.Equal(256, file.Tensors.Count);
        Assert.All(file.Tensors, tensor => Assert.Contains(4L, tensor.Extents));
        const string query = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.processor.to_q_lora.";
        Assert.Equal([-0.0130585f, 0.1602241f, -0.0585789f, -0.1673286f], file.Find(query + "down.weight")!.ReadAll()[..4], Near(5e-8f)); // seven printed decimals
        Assert.Equal([0.00027466f, 0.0029711f, 0.0149229f, -0.0218075f], file.Find(query + "up.weight")!.ReadAll()[..4], Near(5e-8f));
    }

    private static EqualityComparer<float> Near(float tolerance) => EqualityComparer<float>.Create((left, right) => Math.Abs(left - right) <= tolerance, _ => 0);

    private static void EqualsFormula(PyTorchFile file, string prefix)
    {
        foreach (string name in file.Names)
        {
            WeightSource source = file.Find(name)!;
            Assert.True(WeightFormula.Source(prefix, name, source.Shape).ReadAll().AsSpan().SequenceEqual(source.ReadAll()), name);
        }
    }
}
