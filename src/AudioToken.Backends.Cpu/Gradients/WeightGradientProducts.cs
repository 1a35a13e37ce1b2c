namespace AudioToken.Backends.Cpu;

/// <summary>Sums of one slice of the positions, for a block of outputs and a run of panels: a part of a weight's gradient.</summary>
/// <param name="workers">Owner of the buffers in which rows are packed.</param>
/// <param name="job">What is computed.</param>
/// <param name="tall">Whether the registers hold 28 sums.</param>
internal readonly unsafe struct WeightGradientProducts<TLanes, TVector>(WorkerPool workers, WeightGradientJob job, bool tall) : IParallelBody
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    private readonly WeightGradientJob _job = job;

    /// <summary>Number of parts.</summary>
    public int Parts => _job.Slices * _job.OutputBlocks * _job.UnitBlocks;

    /// <inheritdoc/>
    public void Run(int index, int worker)
    {
        (int rest, int unitBlock) = Math.DivRem(index, _job.UnitBlocks);
        (int slice, int outputBlock) = Math.DivRem(rest, _job.OutputBlocks);
        int output = (int)((long)_job.Outputs * outputBlock / _job.OutputBlocks), outputs = (int)((long)_job.Outputs * (outputBlock + 1) / _job.OutputBlocks) - output;
        int unit = (int)((long)_job.Units * unitBlock / _job.UnitBlocks), unitEnd = (int)((long)_job.Units * (unitBlock + 1) / _job.UnitBlocks);
        long pieces = (long)_job.Samples * _job.Pieces, first = pieces * slice / _job.Slices, last = pieces * (slice + 1) / _job.Slices;
        bool whole = _job.Rows is not null && _job.Packed.Columns % TLanes.Count == 0; // rows that hold no part of a vector are read as they lie
        bool apart = _job.PaddedWidth > _job.Width;
        long spread = apart ? (long)WeightGradientJob.PieceLength * outputs : 0;
        float* room = (float*)workers.Scratch(worker, (spread + (long)WeightGradientJob.PieceLength * _job.Packed.PanelWidth) * sizeof(float));

        // What this thread will probably do next.
        long skipped = pieces / _job.Slices * Math.Max(0, (workers.Threads / (_job.OutputBlocks * _job.UnitBlocks)) - 1);
        float* sums = _job.Sums + slice * _job.SliceFloats;
        for (long piece = first; piece < last; piece++)
        {
            (long sample, long at) = Math.DivRem(piece, _job.Pieces);
            int start = (int)(_job.Length * at / _job.Pieces), length = (int)(_job.Length * (at + 1) / _job.Pieces) - start;
            float* map = _job.Dy + sample * _job.Height * _job.Width * _job.DyStride + output;
            float* a = apart ? Spread(map, start, length, outputs, room) : map + start * _job.DyStride;
            LinesAhead ahead = whole && !apart ? Ahead(piece + 1 < last ? piece + 1 : piece + 1 + skipped, output, outputs, unit, unitEnd) : default;
            for (int u = unit; u < unitEnd; u++)
            {
                (int panel, int tap) = Math.DivRem(u, _job.Taps);
                int vectors = _job.Packed.Vectors(panel), width = vectors * TLanes.Count;
                long position = (sample * _job.PaddedHeight + tap / _job.KernelWidth) * _job.PaddedWidth + start + tap % _job.KernelWidth;
                float* b = _job.Rows is null ? _job.Panels + _job.Packed.PanelOffset(panel) + position * width
                    : whole ? _job.Rows + position * _job.Packed.Columns + (long)panel * _job.Packed.PanelWidth : Pack(panel, position, length, room + spread);
                float* tile = sums + _job.UnitOffset(panel, tap) + (long)output * _job.SumStride(panel);
                ColumnKernel<TLanes, TVector>.Run(outputs, tall, vectors, a, apart ? outputs : _job.DyStride, b, whole ? _job.Packed.Columns : width, length, tile, _job.SumStride(panel), piece == first, ref ahead);
            }
        }
    }

    // The rows of a piece, of which the part reads some columns.
    private LinesAhead Ahead(long piece, int output, int outputs, int unit, int unitEnd)
    {
        (long sample, long at) = Math.DivRem(piece, _job.Pieces);
        if (sample >= _job.Samples)
            return default;
        long row = (sample * _job.Height * _job.Width) + _job.Length * at / _job.Pieces; // of whole rows: nothing lies between the maps
        int first = unit * _job.Packed.PanelWidth, end = Math.Min(unitEnd * _job.Packed.PanelWidth, _job.Packed.Columns);
        return new LinesAhead
        {
            X = _job.Rows + row * _job.Packed.Columns + first,
            XStride = _job.Packed.Columns,
            XLines = (end - first) / CacheLines.Floats,
            Dy = _job.Dy + row * _job.DyStride + output,
            DyStride = _job.DyStride,
            DyLines = (outputs + CacheLines.Floats - 1) / CacheLines.Floats,
        };
    }

    // Some positions of one panel, [length][columns].
    private float* Pack(int panel, long position, int length, float* panels)
    {
        int all = _job.Packed.Columns, first = panel * _job.Packed.PanelWidth, vectors = _job.Packed.Vectors(panel), width = vectors * TLanes.Count;
        float* from = _job.Rows + position * all + first, to = panels;
        int columns = Math.Min(width, all - first);
        for (int row = 0; row < length; row++, from += all, to += width)
        {
            if (columns == width)
            {
                for (int v = 0; v < vectors; v++)
                    TLanes.Store(TLanes.Load(from + v * TLanes.Count), to + v * TLanes.Count);
                continue;
            }

            new ReadOnlySpan<float>(from, columns).CopyTo(new Span<float>(to, width));
            new Span<float>(to + columns, width - columns).Clear();
        }

        return panels;
    }

    // Positions of dy as the panels have them: between the rows of a map, where the panels hold what windows reach beyond, dy is zero.
    private float* Spread(float* map, int start, int length, int outputs, float* rows)
    {
        float* to = rows;
        for (int position = start; position < start + length; position++, to += outputs)
        {
            (int y, int x) = Math.DivRem(position, _job.PaddedWidth);
            if (x < _job.Width)
                new ReadOnlySpan<float>(map + ((long)y * _job.Width + x) * _job.DyStride, outputs).CopyTo(new Span<float>(to, outputs));
            else
                new Span<float>(to, outputs).Clear();
        }

        return rows;
    }
}
