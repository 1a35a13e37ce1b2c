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
