using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using AudioToken.Tensors;
using AudioToken.Training.Data;
using AudioToken.Training.Optimisation;
using AudioToken.Weights;

namespace AudioToken.Training.Runs;

/// <summary>Where a run stands, beside its parameters and moments.</summary>
/// <param name="Updates">Updates done.</param>
/// <param name="AverageLoss">Running mean of the loss, for the eye.</param>
/// <param name="Skipped">Updates left out because they were not finite.</param>
public readonly record struct RunState(long Updates, double AverageLoss, long Skipped)
{
    /// <summary>The loss's factor in half precision; zero where the loss is not scaled.</summary>
    public LossScale LossScale { get; init; }
}

/// <summary>Checkpoints of a run: parameters, moments and state in one safetensors file each, and a list of those that are whole.</summary>
/// <remarks>A checkpoint is written whole or not at all, then entered in <c>checkpoints.json</c> with its checksum, itself written whole or not at all.
/// So whatever is killed when, the last entry that matches its file is the state to go on from. What is drawn depends on seed and step alone
/// (<see cref="StableSeed"/>): the state holds no generator.</remarks>
public sealed class CheckpointFolder
{
    private const string ListName = "checkpoints.json";
    private const int Kept = 2;
    private readonly string _folder;
    private readonly string _settings;

    /// <summary>Names a folder; made when something is written.</summary>
    /// <param name="folder">The run's folder.</param>
    /// <param name="settings">Everything on which the course of the run depends; another run's checkpoints are refused.</param>
    public CheckpointFolder(string folder, string settings) => (_folder, _settings) = (folder, settings);

    /// <summary>True if the folder has a list of checkpoints.</summary>
    public bool Exists => File.Exists(Path.Combine(_folder, ListName));

    /// <summary>Writes a checkpoint and forgets all but the last two.</summary>
    public void Save(RunState state, AdamW optimiser, IReadOnlyList<Parameter> parameters)
    {
        ArgumentNullException.ThrowIfNull(optimiser);
        ArgumentNullException.ThrowIfNull(parameters);
        SafetensorsWriter writer = new();
        for (int i = 0; i < parameters.Count; i++)
        {
            writer.Add("parameter." + parameters[i].Name, parameters[i].Shape, parameters[i].Values);
            writer.Add("mean." + parameters[i].Name, parameters[i].Shape, optimiser.Means[i]);
            writer.Add("square." + parameters[i].Name, parameters[i].Shape, optimiser.Squares[i]);
        }

        writer.SetMetadata("settings", _settings);
        writer.SetMetadata("updates", state.Updates.ToString(CultureInfo.InvariantCulture));
        writer.SetMetadata("optimiser_updates", optimiser.Updates.ToString(CultureInfo.InvariantCulture));
        writer.SetMetadata("average_loss", state.AverageLoss.ToString("R", CultureInfo.InvariantCulture));
        writer.SetMetadata("skipped", state.Skipped.ToString(CultureInfo.InvariantCulture));
        if (state.LossScale.Value > 0)
        {
            writer.SetMetadata("loss_scale", state.LossScale.Value.ToString("R", CultureInfo.InvariantCulture));
            writer.SetMetadata("loss_scale_good_updates", state.LossScale.GoodUpdates.ToString(CultureInfo.InvariantCulture));
        }

        string name = string.Create(CultureInfo.InvariantCulture, $"checkpoint-{state.Updates:D8}.safetensors"), path = Path.Combine(_folder, name);
        writer.Save(path);

        List<(string Name, string Sha256)> entries = [.. Entries().Where(entry => entry.Name != name), (name, Hash(path))];
        (string Name, string Sha256)[] kept = [.. entries.Skip(entries.Count - Kept)];
        AtomicFile.Write(Path.Combine(_folder, ListName), stream => stream.Write(List(kept)));
        foreach (string old in Directory.EnumerateFiles(_folder, "checkpoint-*.safetensors").Where(file => kept.All(entry => entry.Name != Path.GetFileName(file))))
            File.Delete(old);
    }

    /// <summary>Puts parameters, moments and state back from the last whole checkpoint.</summary>
    /// <returns>The state, or null if there is no whole checkpoint.</returns>
    /// <exception cref="AudioTokenException">The checkpoint is of a run with other settings (4701).</exception>
    public RunState? Restore(AdamW optimiser, IReadOnlyList<Parameter> parameters, Action<string>? note = null)
    {
        ArgumentNullException.ThrowIfNull(optimiser);
        ArgumentNullException.ThrowIfNull(parameters);
        foreach ((string name, string hash) in Entries().Reverse())
        {
            string path = Path.Combine(_folder, name);
            if (!File.Exists(path) || Hash(path) != hash)
            {
                note?.Invoke($"{name} is damaged or gone; looking at the one before");
                continue;
            }

            using SafetensorsFile file = SafetensorsFile.Open(path);
            string found = file.Metadata.GetValueOrDefault("settings", "");
            if (found != _settings)
            {
                throw new AudioTokenException(
                    TrainingErrors.OtherRun, $"{path} is of a run with other settings: found {Beyond(found, _settings)}, wanted {Beyond(_settings, found)}",
                    "resume with the settings found, or train in another folder");
            }

            for (int i = 0; i < parameters.Count; i++)
            {
                Read(file, "parameter." + parameters[i].Name, parameters[i].Values);
                Read(file, "mean." + parameters[i].Name, optimiser.Means[i]);
                Read(file, "square." + parameters[i].Name, optimiser.Squares[i]);
            }

            optimiser.Updates = long.Parse(file.Metadata["optimiser_updates"], CultureInfo.InvariantCulture);
            return new RunState(
                long.Parse(file.Metadata["updates"], CultureInfo.InvariantCulture),
                double.Parse(file.Metadata["average_loss"], CultureInfo.InvariantCulture),
                long.Parse(file.Metadata["skipped"], CultureInfo.InvariantCulture))
            {
                LossScale = file.Metadata.TryGetValue("loss_scale", out string? scale)
                    ? new LossScale(
                        double.Parse(scale, CultureInfo.InvariantCulture), int.Parse(file.Metadata["loss_scale_good_updates"], CultureInfo.InvariantCulture))
                    : default,
            };
        }

        return null;
    }

    private static void Read(SafetensorsFile file, string name, float[] destination)
    {
        if (file.Find(name) is not { } source || source.Shape.Count != destination.Length)
            throw new AudioTokenException(TrainingErrors.OtherRun, $"{file.Description} has no '{name}' of {destination.Length} values", "resume with the model of the run");
        source.Read(0, destination);
    }

    // The settings of one run that another has not.
    private static string Beyond(string own, string other) => string.Join(", ", own.Split(", ").Except(other.Split(", ")));

    private IEnumerable<(string Name, string Sha256)> Entries()
    {
        string path = Path.Combine(_folder, ListName);
        if (!File.Exists(path))
            return [];
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(path));
        return [.. json.RootElement.EnumerateArray().Select(entry => (Path.GetFileName(entry.GetProperty("name").GetString()!), entry.GetProperty("sha256").GetString()!))];
    }

    private static byte[] List(IEnumerable<(string Name, string Sha256)> entries)
    {
        ArrayBufferWriter<byte> buffer = new();
        using (Utf8JsonWriter json = new(buffer))
        {
            json.WriteStartArray();
            foreach ((string name, string hash) in entries)
            {
                json.WriteStartObject();
                json.WriteString("name", name);
                json.WriteString("sha256", hash);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        return buffer.WrittenSpan.ToArray();
    }

    private static string Hash(string path)
    {
        using FileStream stream = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }
}
