using System.Text.Json;
using System.Text.Json.Nodes;
using AudioToken.Models.Unet;
using AudioToken.Tensors;
using AudioToken.Testing;
using AudioToken.Weights;
using AudioToken.WeightsConverter;
using AudioToken.WeightsConverter.Hub;
using Xunit;

namespace AudioToken.Tests.WeightsConverter;

public sealed class GatheredModelTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("audiotoken-gathered-").FullName;

    [Fact]
    public void ConfigurationThatContradictsItsTensors_GivesWay()
    {
        string folder = CopyOf("tiny-hf");
        Change(folder, "unet/config.json", json => json["block_out_channels"] = new JsonArray(16, 16, 32, 64));
        Change(folder, "text_encoder/config.json", json => json["num_hidden_layers"] = 12);
        using GatheredModel model = Open(new ModelRequest { Model = folder });
        Assert.Equal(
            [
                "text_encoder/model.safetensors: its configuration says num_hidden_layers = 12, its tensors say 3; the tensors are taken at their word",
                "unet/diffusion_pytorch_model.safetensors: its configuration says block_out_channels = [16,16,32,64], its tensors say [16,16,32,32]; the tensors are taken at their word",
            ],
            model.Notes);
        Assert.Equal("[16,16,32,32]", JsonNode.Parse(model.ConfigJson(ModelComponent.Unet))!["block_out_channels"]!.ToJsonString());
        Assert.Equal(4, (int)JsonNode.Parse(model.ConfigJson(ModelComponent.Unet))!["attention_head_dim"]!); // what shapes do not tell stays
    }

    [Fact]
    public void ConfigurationThatAgrees_StaysToTheByte()
    {
        using GatheredModel model = Open(new ModelRequest { Model = Goldens.PathOf("tiny-hf-sd2") });
        Assert.Empty(model.Notes);
        Assert.Equal(File.ReadAllText(Path.Combine(Goldens.PathOf("tiny-hf-sd2"), "unet/config.json")), model.ConfigJson(ModelComponent.Unet));
    }

    [Theory]
    [InlineData("sample")]
    [InlineData("x0")]
    public void UnknownPrediction_IsRefused(string type)
    {
        string folder = CopyOf("tiny-hf");
        Change(folder, "scheduler/scheduler_config.json", json => json["prediction_type"] = type);
        using GatheredModel model = Open(new ModelRequest { Model = folder });
        AudioTokenException refusal = Assert.Throws<AudioTokenException>(() => model.SchedulerConfigJson);
        Assert.Equal((4713, $"tiny-hf: the scheduler's prediction_type is '{type}', wanted epsilon or v_prediction"), (refusal.Code, refusal.Message));
    }

    [Fact]
    public void SingleFileWithoutConfiguration_TellsWhatItGuesses()
    {
        using GatheredModel model = Open(new ModelRequest { Model = Path.Combine(Goldens.PathOf("tiny-hf"), "single_file_ldm_fp16.safetensors"), Prediction = "v_prediction" });
        Assert.Equal([ModelComponent.Text, ModelComponent.Unet, ModelComponent.Vae], model.Components);
        Assert.Equal(3, model.Notes.Count);
        Assert.StartsWith("single_file_ldm_fp16.safetensors (UNet) has no configuration: it is read off the shapes", model.Notes[1], StringComparison.Ordinal);
        JsonNode unet = JsonNode.Parse(model.ConfigJson(ModelComponent.Unet))!;
        Assert.Equal(("[16,16,32,32]", 2, 32), (unet["block_out_channels"]!.ToJsonString(), (int)unet["layers_per_block"]!, (int)unet["cross_attention_dim"]!));
        Assert.Equal("""["CrossAttnDownBlock2D","CrossAttnDownBlock2D","CrossAttnDownBlock2D","DownBlock2D"]""", unet["down_block_types"]!.ToJsonString());
        Assert.Equal("""["UpBlock2D","CrossAttnUpBlock2D","CrossAttnUpBlock2D","CrossAttnUpBlock2D"]""", unet["up_block_types"]!.ToJsonString());
        Assert.Equal("v_prediction", JsonNode.Parse(model.SchedulerConfigJson)!["prediction_type"]!.ToString());
    }

    // Taken for the wrong type, a UNet draws noise: the guess is told.
    [Fact]
    public void SchedulerThatIsGuessed_IsTold()
    {
        string folder = CopyOf("tiny-hf");
        File.Delete(Path.Combine(folder, "scheduler", "scheduler_config.json"));
        using (GatheredModel model = Open(new ModelRequest { Model = folder }))
            Assert.StartsWith("tiny-hf has no scheduler: it is taken for one whose UNet predicts noise", Assert.Single(model.Notes), StringComparison.Ordinal);
        using GatheredModel told = Open(new ModelRequest { Model = folder, Prediction = "epsilon" });
        Assert.Empty(told.Notes);
    }

    [Fact]
    public void AveragedWeights_StandInForTheLastOnes()
    {
        using ModelFiles tiny = ModelFiles.Open(Goldens.PathOf("tiny-hf"));
        using TensorCollection unet = tiny.Open(ModelComponent.Unet), vae = tiny.Open(ModelComponent.Vae), text = tiny.Open(ModelComponent.Text);
        SafetensorsWriter writer = new();
        foreach (WeightSource source in LdmCheckpoint.Of(unet, vae, text, openClip: false))
        {
            writer.Add(source);
            if (source.Name.StartsWith("model.", StringComparison.Ordinal))
                writer.Add("model_ema." + source.Name["model.".Length..].Replace(".", "", StringComparison.Ordinal), source.Shape, [.. source.ReadAll().Select(value => 2 * value)]);
        }

        string path = Path.Combine(_folder, "ema.safetensors");
        writer.Save(path);
        float[] Weights(bool averaged)
        {
            using GatheredModel model = Open(new ModelRequest { Model = path, Averaged = averaged, Config = Goldens.PathOf("tiny-hf") });
            using TensorCollection tensors = model.Open(ModelComponent.Unet);
            Assert.Equal(unet.Names.Order(), tensors.Names.Order());
            return tensors.Find("conv_in.weight")!.ReadAll();
        }

        float[] last = Weights(averaged: false);
        Assert.Equal(unet.Find("conv_in.weight")!.ReadAll(), last);
        Assert.Equal(last.Select(value => 2 * value), Weights(averaged: true));
        AudioTokenException refusal = Assert.Throws<WeightFileException>(() =>
            Open(new ModelRequest { Model = Path.Combine(Goldens.PathOf("tiny-hf"), "single_file_ldm_fp16.safetensors"), Averaged = true }));
        Assert.Equal((4711, "single_file_ldm_fp16.safetensors: the file has no averaged weights: no tensor's name begins with 'model_ema.'."), (refusal.Code, refusal.Message));
    }

    [Fact]
    public void AnotherVae_ReplacesTheModelsOwn()
    {
        string vae = Path.Combine(_folder, "other-vae");
        Directory.CreateDirectory(vae);
        File.Copy(Path.Combine(Goldens.PathOf("tiny-hf-sd2"), "vae", "diffusion_pytorch_model.safetensors"), Path.Combine(vae, "diffusion_pytorch_model.safetensors"));
        File.Copy(Path.Combine(Goldens.PathOf("tiny-hf-sd2"), "vae", "config.json"), Path.Combine(vae, "config.json"));
        using GatheredModel model = Open(new ModelRequest { Model = Goldens.PathOf("tiny-hf"), Vae = vae });
        using TensorCollection own = model.Open(ModelComponent.Vae);
        using SafetensorsFile other = SafetensorsFile.Open(Path.Combine(vae, "diffusion_pytorch_model.safetensors"));
        Assert.True(TensorComparison.Of(own, other, TestContext.Current.CancellationToken).Same);
        Assert.DoesNotContain(model.Sources, source => source.Name.StartsWith("vae/", StringComparison.Ordinal));
        Assert.Contains(model.Sources, source => source.Name == "diffusion_pytorch_model.safetensors");
    }

    [Fact]
    public void ModelOfAnotherFamily_IsNamedWithWhatHasNoPlace()
    {
        using ModelFiles tiny = ModelFiles.Open(Goldens.PathOf("tiny-hf"));
        using TensorCollection unet = tiny.Open(ModelComponent.Unet), vae = tiny.Open(ModelComponent.Vae), text = tiny.Open(ModelComponent.Text);
        SafetensorsWriter writer = new();
        foreach (WeightSource source in LdmCheckpoint.Of(unet, vae, text, openClip: false))
            writer.Add(source);
        writer.Add("model.diffusion_model.label_emb.0.0.weight", [2], [1f, 2]);
        string path = Path.Combine(_folder, "xl.safetensors");
        writer.Save(path);
        AudioTokenException refusal = Assert.Throws<WeightFileException>(() => Open(new ModelRequest { Model = path }));
        Assert.Equal((4710, "xl.safetensors (UNet): 1 tensors have no place in Stable Diffusion 1.x or 2.x:\n  'model.diffusion_model.label_emb.0.0.weight'"), (refusal.Code, refusal.Message));
    }

    // What tells a UNet may lie apart: no shard is one by itself.
    [Fact]
    public void Shards_AreOneComponentTogether()
    {
        string folder = CopyOf("tiny-hf"), whole = Path.Combine(folder, "unet", "diffusion_pytorch_model.safetensors");
        using SafetensorsFile unet = SafetensorsFile.Open(Path.Combine(Goldens.PathOf("tiny-hf"), "unet", "diffusion_pytorch_model.safetensors"));
        File.Delete(whole);
        JsonObject map = [];
        for (int shard = 0; shard < 2; shard++)
        {
            string name = $"part-{shard}.safetensors";
            SafetensorsWriter writer = new();
            foreach (string tensor in unet.Names.Where(tensor => tensor.StartsWith("time", StringComparison.Ordinal) == (shard == 0)))
            {
                writer.Add(unet.Find(tensor)!);
                map[tensor] = name;
            }

            writer.Save(Path.Combine(folder, "unet", name));
        }

        File.WriteAllText(whole + ".index.json", new JsonObject { ["weight_map"] = map }.ToJsonString());
        using GatheredModel model = Open(new ModelRequest { Model = folder });
        using TensorCollection joined = model.Open(ModelComponent.Unet);
        Assert.True(TensorComparison.Of(unet, joined, TestContext.Current.CancellationToken).Same);
    }

    [Fact]
    public void PublishedLora_HasItsTensorsAndMerges()
    {
        string? found = SharedData.PathOf("audiotoken-official/lora_layers_learned_embeds.bin");
        Assert.SkipWhen(found is null, "AudioToken's published LoRA is not here (../shared/data).");
        string path = found!;
        using TensorCollection lora = CheckpointFile.Open(path);
        Assert.Equal(256, lora.Names.Count());
        FormulaCheckpoint unet = new("unet/", CheckpointShapes.Unet(new UnetConfig { ContextWidth = 768 }));
        using LowRankTensors merged = new(unet, lora, 1, leaveOpen: true);
        Assert.Equal(128, merged.MergedCount);

        // First values as published with the file.
        const string name = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.processor.to_q_lora";
        float[] down = lora.Find($"{name}.down.weight")!.ReadAll(), up = lora.Find($"{name}.up.weight")!.ReadAll();
        Assert.Equal(-0.0130585, down[0], 1e-7);
        Assert.Equal(0.00027466, up[0], 1e-8);
        float expected = unet.Find("down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight")!.ReadAll()[0] + Enumerable.Range(0, 4).Sum(k => up[k] * down[320 * k]);
        Assert.Equal(expected, merged.Find("down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight")!.ReadAll()[0], 1e-7f);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private GatheredModel Open(ModelRequest request) => GatheredModel.Open(request, new HubCache(Path.Combine(_folder, "no-cache")));

    private string CopyOf(string model)
    {
        string target = Path.Combine(_folder, model);
        Goldens.Copy(model, target);
        return target;
    }

    private static void Change(string folder, string file, Action<JsonObject> change)
    {
        string path = Path.Combine(folder, file);
        JsonObject json = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        change(json);
        File.WriteAllText(path, json.ToJsonString(new JsonSerializerOptions { WriteIndented = true }));
    }
}
