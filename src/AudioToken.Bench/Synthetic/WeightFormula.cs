using System.Text;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Bench.Synthetic;

/// <summary>The deterministic weights of goldens/README.md: values from a hash of name and index, scaled as a fresh network's would be.</summary>
public static class WeightFormula
{
    // Less is not worth a second thread.
    private const int Part = 1 << 16;

    private static readonly float s_sqrt3 = (float)Math.Sqrt(3.0);

    /// <summary>Uniform values in [-1, 1) for a key.</summary>
    public static void Uniform(string key, long start, Span<float> destination)
    {
        Fill(Hash(key), start, 1, 0, destination);
    }

    /// <summary>Uniform values in [-1, 1) for a key.</summary>
    public static float[] Uniform(string key, Shape shape)
    {
        float[] values = new float[shape.Count];
        Uniform(key, 0, values);
        return values;
    }

    /// <summary>Uniform values of unit variance for a key, the reference's stand-in for noise.</summary>
    public static float[] GaussLike(string key, Shape shape)
    {
        float[] values = new float[shape.Count];
        Fill(Hash(key), 0, s_sqrt3, 0, values);
        return values;
    }

    /// <summary>A weight of the given name and shape under a prefix.</summary>
    public static WeightSource Source(string prefix, string name, Shape shape) => new FormulaSource(prefix, name, shape);

    private static ulong Hash(string key)
    {
        ulong hash = 0xCBF29CE484222325;
        foreach (byte b in Encoding.UTF8.GetBytes(key))
            hash = (hash ^ b) * 0x100000001B3;
        return hash;
    }

    // Values are independent of each other, so all threads take part.
    private static unsafe void Fill(ulong hash, long start, float scale, float offset, Span<float> destination)
    {
        int count = destination.Length;
        if (count <= Part)
        {
            FillPart(hash, start, scale, offset, destination);
            return;
        }

        fixed (float* first = destination)
        {
            nint address = (nint)first;
            Parallel.For(0, (count + Part - 1) / Part, part =>
            {
                int at = part * Part;
                FillPart(hash, start + at, scale, offset, new Span<float>((float*)address + at, Math.Min(Part, count - at)));
            });
        }
    }

    private static void FillPart(ulong hash, long start, float scale, float offset, Span<float> destination)
    {
        for (int i = 0; i < destination.Length; i++)
            destination[i] = offset + At(hash, start + i) * scale;
    }

    private static float At(ulong hash, long index)
    {
        ulong z = hash + (ulong)(index + 1) * 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        z ^= z >> 31;
        return ((long)(z >> 40) - (1 << 23)) * (1f / (1 << 23));
    }

    private sealed class FormulaSource : WeightSource
    {
        private readonly ulong _hash;
        private readonly float _scale;
        private readonly float _offset;

        public FormulaSource(string prefix, string name, Shape shape)
            : base(name, shape, DType.F32)
        {
            // BEATs' bias tables are one shared tensor: every layer has layer 0's values.
            string key = name.EndsWith("self_attn.relative_attention_bias.weight", StringComparison.Ordinal)
                ? "encoder.layers.0.self_attn.relative_attention_bias.weight"
                : name;
            _hash = Hash(prefix + key);
            string last = name[(name.LastIndexOf('.') + 1)..];
            if (last is "weight_g" or "grep_a" || (shape.Rank == 1 && last == "weight"))
                (_scale, _offset) = (0.125f, 1f);
            else if (shape.Rank <= 1)
                _scale = 0.015625f;
            else
                _scale = (float)Math.Sqrt(3.0 / ((double)shape.Count / shape[0]));
            if (name.Contains(".up.weight", StringComparison.Ordinal) && name.Contains("_lora", StringComparison.Ordinal))
                _scale *= 0.25f;
        }

        public override void Read(long start, Span<float> destination) => Fill(_hash, start, _scale, _offset, destination);
    }
}

/// <summary>A checkpoint that does not exist: any name that a table of shapes holds, with the formula's values.</summary>
public sealed class FormulaCheckpoint(string prefix, IReadOnlyDictionary<string, Shape> shapes) : TensorCollection
{
    /// <inheritdoc/>
    public override string Description => $"formula weights '{prefix}'";

    /// <inheritdoc/>
    public override IEnumerable<string> Names => shapes.Keys;

    /// <inheritdoc/>
    public override WeightSource? Find(string name) => shapes.TryGetValue(name, out Shape shape) ? WeightFormula.Source(prefix, name, shape) : null;
}
