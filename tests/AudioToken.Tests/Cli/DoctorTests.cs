using AudioToken.Backends.Cuda.Driver;
using System.Text.Json;
using AudioToken.Weights;
using Xunit;

namespace AudioToken.Tests.Cli;

[Collection(CliTests.Name)]
public sealed class DoctorTests(CliDemo demo)
{
    [Fact]
    public void Doctor_TellsWhatItFound()
    {
        string text = demo.Run("doctor").Exits(0).Text;

        foreach (string fact in (string[])["system:", "runtime:", "processor:", "memory:", "cuda:", "libsndfile:", "model:"])
            Assert.Contains(fact, text, StringComparison.Ordinal);
        Assert.Contains(CudaDevice.WhyNone() is null ? "cuda:0 " : "no device can be used: ", text, StringComparison.Ordinal);
        Assert.Contains("demo.safetensors (untrained demonstration model): loads; draws 128x128 pixels", text, StringComparison.Ordinal);
    }

    [Fact]
    public void LibraryThatIsNotThere_IsTold()
    {
        CliInput input = new() { Variables = new Dictionary<string, string> { ["AUDIOTOKEN_SNDFILE"] = "/no/such/lib.so" } };
        Assert.Contains("not found: WAV is read without it", demo.Run(input, "doctor", "--json").Exits(0).Json.GetProperty("libsndfile").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public void ModelThatDoesNotLoad_IsToldBesideWhatWasFound()
    {
        CliRun run = demo.Run("doctor", "-m", "/no/such", "--json").Refuses(8101, "/no/such");

        Assert.Equal("AT8101", run.Json.GetProperty("error").GetProperty("code").GetString());
        Assert.True(run.Json.TryGetProperty("processor", out _));
    }

    [Fact]
    public void SelfTest_EqualsItsRecordingWithAnyNumberOfThreads()
    {
        string folder = Recorded();
        foreach (string threads in (string[])["1", "2"])
        {
            CliRun run = demo.Run(new CliInput { DemoFolder = folder }, "doctor", "--self-test", "--threads", threads, "--json").Exits(0);

            JsonElement[] stages = [.. run.Json.GetProperty("stages").EnumerateArray()];
            Assert.Equal("audio.samples", stages[0].GetProperty("name").GetString());
            Assert.Equal("image", stages[^1].GetProperty("name").GetString());
            Assert.All(stages, stage => Assert.Equal(0, stage.GetProperty("difference").GetDouble()));
        }
    }

    [Fact]
    public void SelfTest_OfTheProgramAsItIsBuiltEqualsItsRecording() =>
        demo.Run(new CliInput { DemoFolder = Path.Combine(AppContext.BaseDirectory, "Demo") }, "doctor", "--self-test").Exits(0);

    [Theory]
    [InlineData("beats.features")]
    [InlineData("text.input_ids")]
    [InlineData("noise_pred.1")]
    [InlineData("image")]
    public void SelfTest_NamesTheFirstStageThatDiffers(string stage)
    {
        string folder = Recorded();
        Change(Path.Combine(folder, "self-test.safetensors"), stage, "image");

        CliRun run = demo.Run(new CliInput { DemoFolder = folder }, "doctor", "--self-test").Refuses(7501, $"first at {stage}: largest difference ");
        Assert.Contains($"differs first at {stage}", run.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void SelfTestWithoutRecording_IsRefused() => demo.Run("doctor", "--self-test").Refuses(4502, "recording is not there");

    [Fact]
    public void SelfTestOfAnotherModel_IsRefused()
    {
        string folder = Recorded();
        SafetensorsWriter writer = new();
        Copy(Path.Combine(folder, "demo.safetensors"), writer, (_, _) => { });
        writer.SetMetadata("note", "another");
        writer.Save(Path.Combine(folder, "demo.safetensors"));

        demo.Run(new CliInput { DemoFolder = folder }, "doctor", "--self-test").Refuses(4502, "is not the model that the self-test was recorded with");
    }

    [Fact]
    public void FileThatIsNoRecording_IsRefused()
    {
        string folder = Recorded();
        File.Copy(demo.Model, Path.Combine(folder, "self-test.safetensors"), overwrite: true);

        demo.Run(new CliInput { DemoFolder = folder }, "doctor", "--self-test").Refuses(4502, "is no recording of a self-test");
    }

    // A folder as beside the program, with the demonstration and a recording of this very build.
    private string Recorded()
    {
        string folder = demo.NewFolder();
        File.Copy(demo.Model, Path.Combine(folder, "demo.safetensors"));
        demo.Run("doctor", "--record-self-test", Path.Combine(folder, "self-test.safetensors")).Exits(0);
        return folder;
    }

    // One value in each of the named stages grows by 1, or by a hundredth of the largest value if that is more: a hundred times what is allowed.
    private static void Change(string path, params string[] stages)
    {
        SafetensorsWriter writer = new();
        Copy(path, writer, (name, values) => values[0] += stages.Contains(name) ? MathF.Max(1, values.Max(MathF.Abs) / 100) : 0);
        writer.Save(path);
    }

    private static void Copy(string path, SafetensorsWriter writer, Action<string, float[]> change)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        foreach ((string key, string value) in file.Metadata)
            writer.SetMetadata(key, value);
        foreach (StoredTensor tensor in file.Tensors)
        {
            float[] values = file.Find(tensor.Name)!.ReadAll();
            if (values.Length > 0)
                change(tensor.Name, values);
            if (tensor.DType == Tensors.DType.F32)
                writer.Add(tensor.Name, tensor.Shape!.Value, values);
            else if (tensor.DType == Tensors.DType.I64)
                writer.Add(tensor.Name, tensor.Shape!.Value, Array.ConvertAll(values, value => (long)value));
            else
                writer.Add(tensor.Name, tensor.Shape!.Value, tensor.DType!.Value, file.ReadBytes(tensor.Name));
        }
    }
}
