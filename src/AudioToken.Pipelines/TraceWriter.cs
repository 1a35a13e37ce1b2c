using AudioToken.Tensors;

namespace AudioToken.Pipelines;

/// <summary>Writes into a request's trace, or nowhere if it has none; brings tensors into PyTorch's layouts.</summary>
internal readonly struct TraceWriter(GenerationTrace? trace, int images)
{
    /// <summary>True if tensors of single UNet calls are wanted.</summary>
    public bool WantsSteps => trace is { Level: TraceLevel.All };

    /// <summary>Keeps what all pictures of the call share, [1, ...], once a picture.</summary>
    public void Shared(string name, Shape shape, ReadOnlySpan<float> values)
    {
        if (trace is null)
            return;
        float[] repeated = new float[values.Length * images];
        for (int i = 0; i < images; i++)
            values.CopyTo(repeated.AsSpan(i * values.Length));
        trace.Add(name, shape.WithFirst(images), repeated);
    }

    /// <summary>Keeps what all pictures of the call share, [1, ...], once a picture.</summary>
    public void Shared(ITensorOps ops, string name, Tensor tensor)
    {
        if (trace is null)
            return;
        Shared(name, tensor.Shape, ops.Values(tensor));
    }

    /// <summary>Keeps token ids, [L], once a picture.</summary>
    public void Ids(string name, ReadOnlySpan<int> ids)
    {
        if (trace is null)
            return;
        long[] repeated = new long[ids.Length * images];
        for (int i = 0; i < repeated.Length; i++)
            repeated[i] = ids[i % ids.Length];
        trace.Add(name, [images, ids.Length], repeated);
    }

    /// <summary>Keeps the timesteps in the order of the UNet's calls.</summary>
    public void Timesteps(ReadOnlySpan<float> timesteps)
    {
        if (trace is null)
            return;
        long[] whole = new long[timesteps.Length];
        for (int i = 0; i < whole.Length; i++)
            whole[i] = (long)MathF.Round(timesteps[i]);
        trace.Add("timesteps", [whole.Length], whole);
    }

    /// <summary>Keeps a feature map of the whole call, [B, H, W, C] on the host, as [B, C, H, W].</summary>
    public void Map(string name, Shape shape, ReadOnlySpan<float> channelsLast)
    {
        if (trace is null)
            return;
        float[] channelsFirst = new float[channelsLast.Length];
        ChannelLayout.ToChannelsFirst(channelsLast, channelsFirst, channels: shape[3], pixels: shape[1] * shape[2]);
        trace.Add(name, [shape[0], shape[3], shape[1], shape[2]], channelsFirst);
    }

    /// <summary>Keeps a feature map of the whole call, [B, H, W, C], as [B, C, H, W].</summary>
    public void Map(ITensorOps ops, string name, Tensor tensor)
    {
        if (trace is null)
            return;
        Map(name, tensor.Shape, ops.Values(tensor));
    }
}
