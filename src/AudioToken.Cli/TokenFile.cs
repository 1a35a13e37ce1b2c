using AudioToken.Cli.Options;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Cli;

/// <summary>An audio token as a file: safetensors, <c>audio_token</c> [1, Dt] F32, with the sound and the model it was made of in the metadata.</summary>
internal static class TokenFile
{
    /// <summary>Name of the tensor.</summary>
    public const string TensorName = "audio_token";

    /// <summary>Name of the tensor in embeddings of AUTOMATIC1111's web UI, where the file's name is the word.</summary>
    public const string A1111Name = "emb_params";

    private const string SoundKey = "sound", SoundHashKey = "sound_sha256", ModelKey = "model", ModelHashKey = "model_sha256";

    /// <summary>Writes a token, whole or not at all.</summary>
    /// <exception cref="AudioTokenException">It cannot be written.</exception>
    public static void Save(string path, float[] token, Sound sound, string model, string modelHash)
    {
        SafetensorsWriter writer = new();
        writer.Add(TensorName, [1, token.Length], token);
        writer.SetMetadata("format", "audiotoken-token");
        writer.SetMetadata(SoundKey, sound.Name);
        if (sound.Hash is { } hash)
            writer.SetMetadata(SoundHashKey, hash);
        writer.SetMetadata(ModelKey, model);
        writer.SetMetadata(ModelHashKey, modelHash);
        writer.Save(path);
    }

    /// <summary>Writes a token as a textual-inversion embedding, [1, Dt], whole or not at all.</summary>
    /// <param name="path">The target.</param>
    /// <param name="token">The token.</param>
    /// <param name="tensorName">The word in a prompt, or <see cref="A1111Name"/>.</param>
    /// <param name="sound">What it was made of, for the metadata.</param>
    /// <param name="model">The model's name, for the metadata.</param>
    public static void SaveEmbedding(string path, float[] token, string tensorName, Sound sound, string model)
    {
        SafetensorsWriter writer = new();
        writer.Add(tensorName, [1, token.Length], token);
        writer.SetMetadata("format", "pt");
        writer.SetMetadata(SoundKey, sound.Name);
        writer.SetMetadata(ModelKey, model);
        writer.Save(path);
    }

    /// <summary>Reads a token of 'encode', or a textual-inversion embedding of one vector; whether it fits a model, its pipeline tells.</summary>
    /// <exception cref="AudioTokenException">The file holds none, or one with NaN or infinity (3501).</exception>
    public static Sound Read(string path)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        // An embedding has one tensor, one vector, called as it pleases.
        string tensorName = file.Tensors is [{ Shape: [_] or [1, _] } only] ? only.Name : TensorName;
        (float[] values, Shape shape) = TensorInput.Read(file, tensorName, "'audiotoken encode' makes such a file");
        if (shape.Rank is < 1 or > 2 || shape.Count != shape[shape.Rank - 1] || shape.Count == 0)
            throw new AudioTokenException(ErrorCode.TensorInput, $"{file.Description}: '{tensorName}' is {shape}, wanted one token, [1, Dt]", "'audiotoken encode' makes such a file");
        string name = file.Metadata.GetValueOrDefault(SoundKey, file.Description);
        return new Sound(name, file.Metadata.GetValueOrDefault(SoundHashKey), default, $"audio token {shape} of {file.Description}", []) { Token = values };
    }
}
