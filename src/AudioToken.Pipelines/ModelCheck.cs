using System.Runtime.ExceptionServices;
using AudioToken.Models.Beats;
using AudioToken.Models.Clip;
using AudioToken.Models.Fga;
using AudioToken.Models.Unet;
using AudioToken.Models.Vae;
using AudioToken.Sampling;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Pipelines;

/// <summary>Holds a model against the networks that are made of it, without reading its weights.</summary>
public static class ModelCheck
{
    /// <summary>Checks each component that is there and, if the model is whole, whether they fit one another.</summary>
    /// <param name="files">A model, or a part of one.</param>
    /// <param name="ops">Any backend; nothing is computed or kept on it.</param>
    /// <exception cref="AudioTokenException">What <see cref="AudioToImagePipeline.Load"/> would refuse; the faults of all components in one report.</exception>
    public static void Run(ModelFiles files, ITensorOps ops)
    {
        ArgumentNullException.ThrowIfNull(files);
        UnreadWeights unread = new(ops);
        List<AudioTokenException> faults = [];
        bool whole = true;
        foreach (ModelComponent component in Enum.GetValues<ModelComponent>())
        {
            if (!files.Has(component))
            {
                whole &= component == ModelComponent.Lora;
                continue;
            }

            try
            {
                using TensorCollection tensors = files.Open(component);
                Load(files, component, tensors, unread)?.Dispose();
            }
            catch (AudioTokenException fault)
            {
                faults.Add(fault);
            }
        }

        if (faults.Count == 1)
            ExceptionDispatchInfo.Throw(faults[0]);
        if (faults.Count > 1)
            throw new AudioTokenException(faults[0].Code, string.Join('\n', faults.Select(fault => fault.Message)), faults[0].Hint, faults[0]);
        if (whole)
            LoadedModel.Load(files, unread, new LoadOptions { HashModel = false }).Dispose();
    }

    private static IDisposable? Load(ModelFiles files, ModelComponent component, TensorCollection tensors, ITensorOps ops)
    {
        switch (component)
        {
            case ModelComponent.Beats:
                return BeatsEncoder.Load(ops, tensors, LoadedModel.Parse(files, component, BeatsConfig.Parse));
            case ModelComponent.Embedder:
                return FgaEmbedder.Load(ops, tensors);
            case ModelComponent.Text:
                _ = ClipTokenizer.Load(new TokenizerFiles(files.Name, files.FindTokenizerFile));
                return ClipTextModel.Load(ops, tensors, LoadedModel.Parse(files, component, ClipTextConfig.Parse));
            case ModelComponent.Unet:
                _ = SchedulerConfig.Parse(files.SchedulerConfigJson).ForStableDiffusion();
                return UnetModel.Load(ops, tensors, LoadedModel.Parse(files, component, UnetConfig.Parse));
            case ModelComponent.Vae:
                return VaeDecoder.Load(ops, tensors, LoadedModel.Parse(files, component, VaeConfig.Parse));
            default:
                return null; // a LoRA is held against its UNet where the two are joined
        }
    }
}
