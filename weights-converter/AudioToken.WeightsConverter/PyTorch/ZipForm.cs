using System.Text;
using AudioToken.Weights;
using AudioToken.WeightsConverter.PyTorch.Pickle;
using Microsoft.Win32.SafeHandles;

namespace AudioToken.WeightsConverter.PyTorch;

/// <summary>The form since torch 1.6: a ZIP archive with <c>P/data.pkl</c> and <c>P/data/KEY</c>, P being any name.</summary>
/// <remarks>Source: pytorch/pytorch, torch/serialization.py and caffe2/serialize/inline_container.cc.</remarks>
internal static class ZipForm
{
    private const string PickleName = "/data.pkl";

    public static PickledCheckpoint Read(SafeFileHandle handle, string file, long fileLength, SortedDictionary<string, PickleGlobal> globals)
    {
        ZipDirectory archive = ZipDirectory.Read(handle, file, fileLength);
        ZipEntry pickle = FindPickle(archive, file);
        archive.RequireStored();
        string top = pickle.Name[..^PickleName.Length];
        CheckByteOrder(handle, file, archive.Find($"{top}/byteorder"));
        PickleReader reader = new(handle, $"{file} ({pickle.Name})", pickle.DataStart, pickle.DataStart + pickle.Length);
        object? root = new PickleMachine(reader, globals).Run();

        string prefix = $"{top}/data/";
        Dictionary<string, StorageExtent> storages = archive.Entries
            .Where(entry => entry.Name.StartsWith(prefix, StringComparison.Ordinal))
            .ToDictionary(entry => entry.Name[prefix.Length..], entry => new StorageExtent(entry.DataStart, entry.Length, entry.Name));
        return new PickledCheckpoint(root, storages);
    }

    private static ZipEntry FindPickle(ZipDirectory archive, string file)
    {
        ZipEntry[] pickles = [.. archive.Entries.Where(entry => entry.Name.EndsWith(PickleName, StringComparison.Ordinal) && entry.Name.IndexOf('/') == entry.Name.Length - PickleName.Length)];
        string? top = pickles is [var only] ? only.Name[..^PickleName.Length] : null;
        if (archive.Entries.Any(entry => entry.Name.EndsWith("/constants.pkl", StringComparison.Ordinal) || (top is not null && entry.Name.StartsWith($"{top}/code/", StringComparison.Ordinal))))
        {
            throw new WeightFileException(ErrorCode.OtherForm, file, "this is a TorchScript archive: a program together with its tensors.",
                $"Save its tensors alone: python -c \"import torch; torch.save(torch.jit.load('{file}', 'cpu').state_dict(), 'weights.pt')\"");
        }

        if (pickles is [var pickle])
            return pickle;
        if (pickles.Length > 1)
            throw new WeightFileException(ErrorCode.Archive, file, $"the archive has {pickles.Length} pickles '…{PickleName}', a checkpoint has one.", "Not written by torch: download it again.");
        if (archive.Entries.Any(entry => entry.Name.EndsWith(".npy", StringComparison.Ordinal)))
            throw new WeightFileException(ErrorCode.NotPyTorch, file, "this is a NumPy archive (.npz), not a PyTorch checkpoint.", "Take the model as .safetensors, .ckpt, .pt or .bin.");
        string shown = string.Join(", ", archive.Entries.Take(3).Select(entry => WeightFileException.Quote(entry.Name)));
        throw new WeightFileException(ErrorCode.NotPyTorch, file,
            $"this is a ZIP archive, but not a PyTorch checkpoint: no entry is called '…{PickleName}'; it has {archive.Entries.Count} entries{(shown.Length > 0 ? $" ({shown}, …)" : "")}.",
            "If a model is packed inside, unpack it and name that file.");
    }

    private static void CheckByteOrder(SafeFileHandle handle, string file, ZipEntry? entry)
    {
        if (entry is null)
            return; // written before torch 2.1, when everything was little-endian in practice
        Span<byte> text = stackalloc byte[16];
        text = text[..(int)Math.Min(text.Length, entry.Length)];
        PositionalReader.ReadExactly(handle, text, entry.DataStart, file, entry.Name);
        if (!text.SequenceEqual("little"u8))
        {
            throw new WeightFileException(ErrorCode.OtherForm, file, $"its byte order is {WeightFileException.Quote(Encoding.ASCII.GetString(text))}; only little-endian files are read.",
                "Load and save it again on an ordinary machine.");
        }
    }
}
