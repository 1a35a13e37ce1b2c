using AudioToken.Tensors;
using AudioToken.Training.Data;
using AudioToken.Weights;

namespace AudioToken.Training.Adapters;

/// <summary>An embedder before its training.</summary>
public static class FreshEmbedder
{
    /// <summary>Draws the 13 tensors: uniform in ±1 / sqrt(inputs), PyTorch's default for linear layers and convolutions.</summary>
    /// <param name="input">Width of the audio features.</param>
    /// <param name="output">Width of the text encoder.</param>
    /// <param name="seed">Seed of the draw.</param>
    public static TensorCollection Draw(int input, int output, ulong seed)
    {
        MemoryTensors tensors = new("a fresh embedder");
        void Layer(string name, int inputs, int outputs, bool pointwise, bool bias = true)
        {
            Add(name + ".weight", pointwise ? [outputs, inputs, 1] : [outputs, inputs], inputs);
            if (bias)
                Add(name + ".bias", [outputs], inputs);
        }

        void Add(string name, Shape shape, int inputs)
        {
            float[] values = new float[shape.Count];
            double bound = 1 / Math.Sqrt(inputs);
            for (int i = 0; i < values.Length; i++)
                values[i] = (float)(bound * (((StableSeed.Of(seed, name, i) >> 11) * (2.0 / (1UL << 53))) - 1));
            tensors.Add(name, shape, values);
        }

        Layer("fc1", input, input, pointwise: false);
        Layer("fc2", input, output, pointwise: false);
        Layer("fga.un_models.0.embed", output, output, pointwise: true);
        Layer("fga.un_models.0.feature_reduce", output, 1, pointwise: true);
        Layer("fga.pp_models.0.embed_X", output, output, pointwise: true);
        Layer("fga.pp_models.0.embed_Y", output, output, pointwise: true);
        Layer("fga.reduce_potentials.0", 2, 1, pointwise: true, bias: false);
        return tensors;
    }
}
